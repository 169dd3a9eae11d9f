// ExecSync beside the OCI runtime's own exec: what a daemon adds to it.

import { setTimeout as sleep } from 'node:timers/promises';
import { command } from '../harness/command.ts';
import type { CpuCgroup } from './cpu-cgroup.ts';
import { median, timed } from './measure.ts';
import type { StreamPeer } from './stream-peers.ts';

const maxAboveMs = 1.5;
const execsPerRound = 20;
const rounds = 10;
/** A daemon serves for months, and a benchmark for seconds: both it and the client get to run compiled code. */
const warmUpRounds = 10;
export const atOnce = 8;

/**
 * The kernel makes the first move between cgroups wait for a grace period of RCU, and the next ones not for a while. So the
 * runtime is faster when it has just run, which the exec of a probe has not.
 */
const patterns = [
  { title: 'one after the other', pauseMs: 0 },
  { title: 'with a pause of 50 ms before each, as probes have', pauseMs: 50 },
];

interface Way {
  readonly name: string;
  readonly cgroup: CpuCgroup;
  /** The time of each exec. */
  readonly round: (pauseMs: number) => Promise<readonly number[]>;
}

export function execSync({ client, containerId }: StreamPeer): Promise<unknown> {
  return client.runtime('ExecSync', { containerId, cmd: ['true'], timeout: 10 });
}

export async function execSyncsAtOnce(peer: StreamPeer): Promise<number[]> {
  const work = async (): Promise<void> => {
    for (let i = 0; i < execsPerRound; i++) await execSync(peer);
  };
  const ms = await timed(() => Promise.all(Array.from({ length: atOnce }, work)));
  return [(atOnce * execsPerRound) / (ms / 1000)];
}

/** A shell starts it with a fork of its own, and reads the clock without one. */
function runtimeAlone(argv: readonly string[], cgroup: CpuCgroup): Way {
  return {
    ...{ name: 'runc exec', cgroup },
    async round(pauseMs) {
      const once = [
        pauseMs > 0 ? `sleep ${pauseMs / 1000}` : ':',
        'begin=$EPOCHREALTIME',
        `${argv.join(' ')} </dev/null`,
        'end=$EPOCHREALTIME',
        `echo $((\${end/./} - \${begin/./}))`,
      ];
      const loop = `for ((i = 0; i < ${execsPerRound}; i++)); do ${once.join('; ')}; done`;
      const stdout = await command(['bash', '-c', `echo $$ >${cgroup.procs}; ${loop}`]);
      return stdout
        .trim()
        .split('\n')
        .map((microseconds) => Number(microseconds) / 1000);
    },
  };
}

function byDaemon(peer: StreamPeer): Way {
  return {
    ...{ name: peer.name, cgroup: peer.cgroup },
    async round(pauseMs) {
      const times: number[] = [];
      for (let i = 0; i < execsPerRound; i++) {
        if (pauseMs > 0) await sleep(pauseMs);
        times.push(await timed(() => execSync(peer)));
      }
      return times;
    },
  };
}

/** The first of `peers` is the one that has the target. */
export async function tellExecSync(peers: readonly StreamPeer[], alone: CpuCgroup): Promise<void> {
  const argv = peers.flatMap(({ runtimeExec }) => runtimeExec ?? []);
  const ways = [runtimeAlone(argv, alone), ...peers.map(byDaemon)];
  for (let round = 0; round < warmUpRounds; round++) for (const way of ways) await way.round(0);
  for (const { title, pauseMs } of patterns) await tellPattern(title, pauseMs, ways);
}

async function tellPattern(title: string, pauseMs: number, ways: readonly Way[]): Promise<void> {
  const measured = ways.map((way) => ({ way, ms: [] as number[], cpuMs: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    for (const { way, ms, cpuMs } of measured) {
      const before = way.cgroup.cpuMs;
      ms.push(...(await way.round(pauseMs)));
      cpuMs.push((way.cgroup.cpuMs - before) / execsPerRound);
    }
  }
  const text = measured.map(
    ({ way, ms, cpuMs }) => `${way.name} ${median(ms).toFixed(2)} ms, CPU ${median(cpuMs).toFixed(2)} ms`,
  );
  console.log(`ExecSync true, ${title}: ${text.join('; ')}`);
  const above = median(measured[1]?.ms ?? []) - median(measured[0]?.ms ?? []);
  const target = `at most ${maxAboveMs} ms above the runtime's own; it is ${above.toFixed(2)}`;
  console.log(`  target: ${target}: ${above <= maxAboveMs ? 'ok' : 'MISSED'}`);
}
