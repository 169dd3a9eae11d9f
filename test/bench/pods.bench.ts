// The life of pods side by side with containerd: the same OCI runtime, network plugin and client for both, in turns.

import { setTimeout as sleep } from 'node:timers/promises';
import { TestDaemon } from '../harness/daemon.ts';
import { memoryKiB } from '../harness/proc.ts';
import { missing } from '../harness/requirements.ts';
import { atMost, compare, type Figure } from './figures.ts';
import { median } from './measure.ts';
import { startContainerd, startCria } from './peers.ts';
import {
  containerStatus,
  listContainers,
  listPods,
  listStats,
  type PodPeer,
  podStatus,
  removeOneByOne,
  removeTogether,
  startOneByOne,
  startTogether,
} from './pod-figures.ts';

/** What can be saved is what the OCI runtime itself does not take. */
const shares = { runc: { one: 0.75, many: 0.8 }, crun: { one: 0.6, many: 0.6 } } as const;
const removalShare = 0.7;
const [podsPerRound, rounds] = [5, 9];
const pods = podsPerRound * (rounds + 1);
const [podsTogether, roundsTogether] = [30, 2];
const settleMs = 1_500;
const monitorMaxKiB = 48;

export const benchRuntimes = ['runc', 'crun'] as const;
export type BenchRuntime = (typeof benchRuntimes)[number];

const calls: readonly Figure<PodPeer>[] = [
  { title: `ListContainers of ${pods}`, unit: 'ms', of: listContainers },
  { title: `ListPodSandbox of ${pods}`, unit: 'ms', of: listPods },
  { title: `ListContainerStats of ${pods}`, unit: 'ms', of: listStats, target: atMost(0.1) },
  { title: 'ContainerStatus', unit: 'ms', of: containerStatus },
  { title: 'PodSandboxStatus', unit: 'ms', of: podStatus },
];

/** Prints tables; needs root and nothing else to run on the machine. */
export async function podsBench(runtimes: readonly BenchRuntime[]): Promise<void> {
  for (const runtime of runtimes) {
    const reason = missing(runtime, 'containerd', 'ctr', 'tar');
    if (reason !== false) throw new Error(`the benchmark of pods under ${runtime} cannot run: ${reason}`);
    await underRuntime(runtime);
  }
}

async function underRuntime(runtime: BenchRuntime): Promise<void> {
  console.log(`== under ${runtime}`);
  const daemon = new TestDaemon({ handlers: [runtime] });
  const peers: PodPeer[] = [];
  const { one, many } = shares[runtime];
  const figure = (title: string, of: Figure<PodPeer>['of'], share: number): Figure<PodPeer> => {
    return { title, unit: 'ms', of, target: atMost(share) };
  };
  try {
    peers.push({ ...(await startCria(daemon)), running: [] });
    peers.push({ ...(await startContainerd(daemon, runtime)), running: [] });
    const idle = await daemonsKiB(peers);
    await compare([figure('pod and container to started', startOneByOne(podsPerRound), one)], peers, rounds);
    await tellMemory(peers, idle);
    await compare(calls, peers, rounds);
    const removal = figure('stop and remove a pod that runs', removeOneByOne(podsPerRound), removalShare);
    await compare([removal], peers, rounds);
    const together = [
      figure(`${podsTogether} pods started, 5 at once`, startTogether(podsTogether), many),
      figure(`${podsTogether} pods removed, 5 at once`, removeTogether(podsTogether), removalShare),
    ];
    await compare(together, peers, roundsTogether);
  } finally {
    for (const peer of peers.toReversed()) await peer.close();
    await daemon.destroy();
  }
}

async function daemonsKiB(peers: readonly PodPeer[]): Promise<number[]> {
  await sleep(settleMs);
  return peers.map(({ pid }) => memoryKiB(pid, ['Rss']));
}

async function tellMemory(peers: readonly PodPeer[], idle: readonly number[]): Promise<void> {
  const loaded = await daemonsKiB(peers);
  const ownKiB = (pid: number) => memoryKiB(pid, ['Private_Clean', 'Private_Dirty']);
  const each = peers.map((peer) => median(peer.monitors().map(ownKiB)));
  const text = peers.map(
    ({ name }, i) => `${name} ${idle[i]} -> ${loaded[i]} KiB, and ${each[i]} KiB in each monitor or shim`,
  );
  console.log(`memory, idle and with ${pods} pods: RSS of the daemon of ${text.join('; of ')}`);
  const [own = Number.NaN] = each;
  const verdict = own <= monitorMaxKiB ? 'ok' : 'MISSED';
  console.log(`  target: at most ${monitorMaxKiB} KiB in each monitor: ${verdict}`);
}
