// The daemon's side of the monitors as a process of its own, to be killed:
//   node daemon-child.js PLAN    a JSON file, see DaemonPlan
// Writes a line of JSON for each thing that it has done.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { silentLogger } from '../../internal/log/logger.ts';
import type { MonitorRequest } from '../../internal/monitor/monitor.ts';
import type { MonitorDirectories } from '../../internal/monitor/monitor-paths.ts';
import { NativeMonitors } from '../../internal/monitor/native-monitors.ts';
import { Spawner } from '../../internal/monitor/spawner.ts';

export interface DaemonPlan {
  readonly monitorPath: string;
  readonly directories: MonitorDirectories;
  readonly keepSocket: string;
  /** Where it leaves its pid. */
  readonly pidFile: string;
  readonly request: MonitorRequest;
  /** The command line that starts the container; none leaves it created. */
  readonly start: readonly string[];
  /** A command to execute in it then. */
  readonly exec: readonly string[];
}

const plan = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as DaemonPlan;
const { monitorPath, directories, request } = plan;
writeFileSync(plan.pidFile, String(process.pid));
const spawner = new Spawner({ monitorPath, logger: silentLogger, keepSocket: plan.keepSocket });
const monitors = new NativeMonitors({ ...directories, monitorPath, spawner, logger: silentLogger });
monitors.onExit((_, exit) => console.log(JSON.stringify({ exitCode: exit.code })));

const created = await monitors.create(request);
console.log(JSON.stringify({ created }));
const [program, ...args] = plan.start;
if (program !== undefined) execFileSync(program, args);
if (plan.exec.length > 0) {
  const { containerId, runtimePath, runtimeArgs, env } = request;
  const command = {
    terminal: false,
    user: { uid: 0, gid: 0 },
    args: plan.exec,
    env: ['PATH=/bin'],
    cwd: '/',
  };
  const limits = { cgroup: undefined, timeoutMs: 0, maxOutputBytes: 1 << 20 };
  const exec = { containerId, runtimePath, runtimeArgs, env, process: command, ...limits };
  const { exitCode } = await monitors.execSync(exec, new AbortController().signal);
  console.log(JSON.stringify({ execCode: exitCode }));
}
setInterval(() => {}, 60_000); // until it is killed
