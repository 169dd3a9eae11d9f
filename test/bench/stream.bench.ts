// Streams side by side with containerd: the same container, OCI runtime and client for both, in turns.

import { setTimeout as sleep } from 'node:timers/promises';
import { attempt } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { missing } from '../harness/requirements.ts';
import { CpuCgroup } from './cpu-cgroup.ts';
import { atOnce, execSyncsAtOnce, tellExecSync } from './exec-sync-cost.ts';
import { median } from './measure.ts';
import { tellMemory } from './session-memory.ts';
import {
  blocks,
  execEcho,
  execStdin,
  execStdout,
  forwardConnections,
  forwardDownload,
  forwardEcho,
} from './stream-figures.ts';
import { type StreamPeer, startContainerdStreams, startCriaStreams } from './stream-peers.ts';

const rounds = 5;
const roundLimitMs = 120_000;
const leastThroughput = 0.8;

interface Figure {
  readonly title: string;
  readonly unit: string;
  readonly of: (peer: StreamPeer) => Promise<readonly number[]>;
  /** Whether `cria` meets the target beside `containerd`; undefined when there is none. */
  readonly verdict?: (cria: number, containerd: number) => { readonly text: string; readonly isMet: boolean };
}

const atLeastShare: Figure['verdict'] = (cria, containerd) => ({
  text: `at least ${leastThroughput} x; it is ${(cria / containerd).toFixed(2)}`,
  isMet: cria >= leastThroughput * containerd,
});

const figures: readonly Figure[] = [
  { title: 'exec stdout', unit: 'MB/s', of: execStdout, verdict: atLeastShare },
  { title: 'exec stdin', unit: 'MB/s', of: execStdin, verdict: atLeastShare },
  { title: 'port-forward download', unit: 'MB/s', of: forwardDownload, verdict: atLeastShare },
  { title: 'exec echo of 64 bytes', unit: 'ms', of: execEcho },
  { title: 'port-forward echo of 64 bytes', unit: 'ms', of: forwardEcho },
  { title: 'port-forward, connection and answer', unit: 'ms', of: forwardConnections },
  { title: `ExecSync true, ${atOnce} at once`, unit: 'per s', of: execSyncsAtOnce },
];

/** Prints a table; needs root and nothing else to run on the machine. */
export async function streamBench(): Promise<void> {
  const reason = missing('runc', 'containerd', 'ctr', 'crictl', 'tar', 'busybox', 'bash');
  if (reason !== false) throw new Error(`the stream benchmark cannot run: ${reason}`);
  const daemon = new TestDaemon({ handlers: ['runc'] });
  const alone = new CpuCgroup(`${daemon.bridge}-runc`);
  const peers: StreamPeer[] = [];
  try {
    peers.push(await startCriaStreams(daemon, blocks));
    peers.push(await startContainerdStreams(daemon, blocks));
    for (const peer of peers) await sanity(peer);
    await tellMemory(peers);
    await tellExecSync(peers, alone);
    for (const figure of figures) tell(figure, await inTurns(figure, peers));
  } finally {
    for (const peer of peers.toReversed()) await peer.close();
    await daemon.destroy();
    alone.close();
  }
}

/** crictl, whose client is Go's, gets what was asked for. */
async function sanity({ endpoint, containerId, name }: StreamPeer): Promise<void> {
  const crictl = ['crictl', '--runtime-endpoint', endpoint, '--image-endpoint', endpoint];
  const { stdout, stderr } = await attempt([...crictl, 'exec', containerId, 'sh', '-c', 'echo good; exit 3']);
  if (stdout !== 'good\n' || !/exit code 3|exit status 3/.test(stderr))
    throw new Error(`crictl exec on ${name}: ${stdout}${stderr}`);
}

/** What hangs is told, and cleared away. */
async function inTime<T>(what: string, work: Promise<T>): Promise<T> {
  const limit = new AbortController();
  const late = sleep(roundLimitMs, undefined, { signal: limit.signal }).then(() => {
    throw new Error(`${what} has not ended after ${roundLimitMs} ms`);
  });
  late.catch(() => {}); // it is aborted when the work was in time
  try {
    return await Promise.race([work, late]);
  } finally {
    limit.abort();
  }
}

interface Measured {
  readonly values: number[];
  /** Of each round; it says more than time on a machine that does other things too. */
  readonly cpuMs: number[];
}

async function inTurns(figure: Figure, peers: readonly StreamPeer[]): Promise<Measured[]> {
  const all = peers.map((): Measured => ({ values: [], cpuMs: [] }));
  for (let round = -1; round < rounds; round++) {
    for (const [i, peer] of peers.entries()) {
      const before = peer.cgroup.cpuMs;
      const measured = await inTime(`${figure.title} of ${peer.name}`, figure.of(peer));
      if (round < 0) continue;
      all[i]?.values.push(...measured);
      all[i]?.cpuMs.push(peer.cgroup.cpuMs - before);
    }
  }
  return all;
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}

function tell({ title, unit, verdict }: Figure, [own, other]: readonly Measured[]): void {
  if (own === undefined || other === undefined) return;
  const text = ({ values, cpuMs }: Measured): string => {
    const p99 = values.length >= 100 ? `, p99 ${quantile(values, 0.99).toFixed(2)}` : '';
    const spread = `(${Math.min(...values).toFixed(2)}-${Math.max(...values).toFixed(2)})`;
    const cpu = `CPU ${median(cpuMs).toFixed(0)} ms`;
    return `${median(values).toFixed(2)} ${unit}${p99 === '' ? ` ${spread}` : p99}, ${cpu}`;
  };
  console.log(`${title}: cria ${text(own)}; containerd ${text(other)}`);
  if (verdict === undefined) return;
  const { text: target, isMet } = verdict(median(own.values), median(other.values));
  console.log(`  target: ${target}: ${isMet ? 'ok' : 'MISSED'}`);
}
