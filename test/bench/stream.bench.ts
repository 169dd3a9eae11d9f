// Streams side by side with containerd: the same container, OCI runtime and client for both, in turns.

import { attempt } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { missing } from '../harness/requirements.ts';
import { CpuCgroup } from './cpu-cgroup.ts';
import { atOnce, execSyncsAtOnce, tellExecSync } from './exec-sync-cost.ts';
import { atLeast, compare, type Figure } from './figures.ts';
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

const figures: readonly Figure<StreamPeer>[] = [
  { title: 'exec stdout', unit: 'MB/s', of: execStdout, target: atLeast(0.8) },
  { title: 'exec stdin', unit: 'MB/s', of: execStdin, target: atLeast(0.8) },
  { title: 'port-forward download', unit: 'MB/s', of: forwardDownload, target: atLeast(0.8) },
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
    await compare(figures, peers, rounds);
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
