// A monitor that dies, stops or kills its daemon at a named point of cmd/cria-monitor/fault.h.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { faultMonitorPath } from '../harness/monitor-build.ts';

export interface FaultPoint {
  readonly role: 'run' | 'exec' | 'spawner';
  readonly point: string;
  /** The how manieth time that a process is there; 1 when it is not said. */
  readonly nth?: number;
  readonly action?: 'kill' | 'stop' | 'daemon';
  /** Of `daemon`: the file with its pid. */
  readonly pidFile?: string;
}

/** The path of the program, which does no harm until it is armed. */
export class FaultyMonitor {
  readonly path: string;

  constructor(directory: string) {
    this.path = join(directory, 'faulty-monitor');
    this.disarm();
  }

  /** The next process of that role has the fault, no other. */
  arm({ role, point, nth = 1, action = 'kill', pidFile }: FaultPoint): void {
    const pid = pidFile === undefined ? '' : `CRIA_MONITOR_FAULT_PID=$(cat ${pidFile}) `;
    const plan = `${pid}CRIA_MONITOR_FAULT=${point}:${nth}:${action}`;
    writeFileSync(`${this.path}.armed`, '');
    this.#write(`[ "$1" = ${role} ] && rm "$0.armed" 2>/dev/null && ${plan} exec ${faultMonitorPath} "$@"`);
  }

  disarm(): void {
    this.#write('');
  }

  #write(line: string): void {
    writeFileSync(this.path, `#!/bin/sh\n${line}\nexec ${faultMonitorPath} "$@"\n`, { mode: 0o755 });
  }
}
