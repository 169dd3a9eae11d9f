// What sessions of exec, attach and port-forward leave on the machine of a daemon.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDaemon } from './daemon.ts';
import { processesOf } from './proc.ts';
import { patienceMs } from './until.ts';

export interface Traces {
  /** Of pods and monitors, and the daemon. */
  readonly processes: readonly string[];
  /** Of monitors: sockets and the like. */
  readonly files: readonly string[];
  /** Of the daemon. */
  readonly descriptors: number;
}

/** What exists of sessions, once it has stopped changing: what has just ended takes a moment. */
export async function sessionTraces(daemon: TestDaemon): Promise<Traces> {
  let last = '';
  for (let same = 0; ; await sleep(100)) {
    const now = currentTraces(daemon);
    const text = JSON.stringify(now);
    same = text === last ? same + 1 : 0;
    if (same === 3) return now;
    last = text;
  }
}

/** Fails unless soon there is nothing that was not there before. */
export async function noMoreTraces(daemon: TestDaemon, before: Traces): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const now = currentTraces(daemon);
    const more = [...added(before.processes, now.processes), ...added(before.files, now.files)];
    if (more.length === 0 && now.descriptors <= before.descriptors) return;
    if (performance.now() > deadline) {
      const text = `${more.join('\n')}\n${now.descriptors} descriptors, before ${before.descriptors}`;
      throw new Error(`sessions have left something: ${text}\n${daemon.logTail()}`);
    }
    await sleep(50);
  }
}

function currentTraces({ root, cgroupParent, pid, paths }: TestDaemon): Traces {
  const processes = processesOf(root, cgroupParent).map(({ command }) => command);
  const files = readdirSync(join(paths.runDir, 'm'), { recursive: true, encoding: 'utf8' });
  return { processes, files, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

/** What `now` has that `before` lacks, or has less often. */
function added(before: readonly string[], now: readonly string[]): string[] {
  const rest = [...before];
  return now.filter((item) => {
    const at = rest.indexOf(item);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}
