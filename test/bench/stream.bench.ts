// Streams side by side with containerd: the same container, OCI runtime and client for both, in turns.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { attempt, command } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { memoryKiB } from '../harness/proc.ts';
import { missing } from '../harness/requirements.ts';
import { connectSpdy, openCommand, openForward, type SpdyCommand } from '../harness/spdy-connect.ts';
import { CpuCgroup } from './cpu-cgroup.ts';
import { median, timed } from './measure.ts';
import { ports, type StreamPeer, startContainerdStreams, startCriaStreams } from './stream-peers.ts';

const rounds = 5;
const blockBytes = 65_536;
const blocks = 4_000;
const megabytes = (blocks * blockBytes) / 1e6;
const roundTrips = 1_000;
const execsPerRound = 20;
const atOnce = 8;
const sessions = 100;
const settleMs = 1_500;
const roundLimitMs = 120_000;
const targets = { execSyncMs: 1.5, throughput: 0.8, rssKiB: 20 * 1024 };

interface Figure {
  readonly title: string;
  readonly unit: string;
  readonly of: (peer: StreamPeer) => Promise<readonly number[]>;
  /** Whether `cria` meets the target beside `containerd`; undefined when there is none. */
  readonly verdict?: (cria: number, containerd: number) => { readonly text: string; readonly isMet: boolean };
}

const atLeastShare: Figure['verdict'] = (cria, containerd) => ({
  text: `at least ${targets.throughput} x; it is ${(cria / containerd).toFixed(2)}`,
  isMet: cria >= targets.throughput * containerd,
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
  const reason = missing('runc', 'containerd', 'ctr', 'crictl', 'tar', 'busybox');
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

async function exec(
  peer: StreamPeer,
  cmd: readonly string[],
  stdin: boolean,
  stdout: boolean,
): Promise<SpdyCommand> {
  const request = { containerId: peer.containerId, cmd: [...cmd], stdin, stdout, stderr: false, tty: false };
  const { url } = await peer.client.runtime('Exec', request);
  return openCommand(url, { stdin, stdout });
}

async function finish({ client, error }: SpdyCommand): Promise<void> {
  await client.until('the outcome', () => error.isOver);
  if (!error.text().includes('Success')) throw new Error(`the command failed: ${error.text()}`);
  client.socket.end();
  client.socket.destroy();
}

async function execStdout(peer: StreamPeer): Promise<number[]> {
  const dd = ['dd', 'if=/dev/zero', `bs=${blockBytes}`, `count=${blocks}`];
  const session = await exec(peer, dd, false, true);
  const stdout = session.stdout!;
  stdout.keepsData = false;
  const ms = await timed(() => session.client.until('the output', () => stdout.isOver));
  if (stdout.bytes !== blocks * blockBytes) throw new Error(`${peer.name} sent ${stdout.bytes} bytes`);
  await finish(session);
  return [megabytes / (ms / 1000)];
}

async function execStdin(peer: StreamPeer): Promise<number[]> {
  const session = await exec(peer, ['sh', '-c', 'cat >/dev/null; echo done'], true, true);
  const block = Buffer.alloc(32_768);
  const ms = await timed(async () => {
    for (let left = blocks * blockBytes; left > 0; left -= block.length)
      if (!session.stdin!.write(block)) await once(session.client.socket, 'drain');
    session.stdin!.end();
    await session.client.until('the end', () => session.error.isOver);
  });
  await finish(session);
  return [megabytes / (ms / 1000)];
}

/** Every other round trip waits for the one before: what a person feels, and what a protocol above costs. */
async function echoes(write: () => void, until: (bytes: number) => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let trip = 1; trip <= roundTrips; trip++)
    times.push(
      await timed(async () => {
        write();
        await until(trip * 64);
      }),
    );
  return times;
}

async function execEcho(peer: StreamPeer): Promise<number[]> {
  const session = await exec(peer, ['cat'], true, true);
  const { stdin, stdout, client } = session;
  const times = await echoes(
    () => stdin!.write(Buffer.alloc(64)),
    (bytes) => client.until('the echo', () => stdout!.bytes >= bytes),
  );
  stdin!.end();
  await finish(session);
  return times;
}

async function forwardTo(peer: StreamPeer) {
  const { url } = await peer.client.runtime('PortForward', { podSandboxId: peer.podId, port: [] });
  return connectSpdy(url, 'portforward.k8s.io');
}

async function forwardDownload(peer: StreamPeer): Promise<number[]> {
  const client = await forwardTo(peer);
  const ms = await timed(async () => {
    const { data } = await openForward(client, ports.zeros, 0);
    data.keepsData = false;
    await client.until('the download', () => data.isOver);
    if (data.bytes !== blocks * blockBytes) throw new Error(`${peer.name} sent ${data.bytes} bytes`);
  });
  client.socket.destroy();
  return [megabytes / (ms / 1000)];
}

async function forwardEcho(peer: StreamPeer): Promise<number[]> {
  const client = await forwardTo(peer);
  const { data } = await openForward(client, ports.echo, 0);
  const times = await echoes(
    () => data.write(Buffer.alloc(64)),
    (bytes) => client.until('the echo', () => data.bytes >= bytes),
  );
  client.socket.destroy();
  return times;
}

async function forwardConnections(peer: StreamPeer): Promise<number[]> {
  const client = await forwardTo(peer);
  const times: number[] = [];
  for (let id = 0; id < 100; id++) {
    times.push(
      await timed(async () => {
        const { data } = await openForward(client, ports.echo, id);
        data.write('x');
        await client.until('the answer', () => data.bytes === 1);
        data.reset(); // as kubectl does with a connection that is over
      }),
    );
  }
  client.socket.destroy();
  return times;
}

function execSync({ client, containerId }: StreamPeer): Promise<unknown> {
  return client.runtime('ExecSync', { containerId, cmd: ['true'], timeout: 10 });
}

async function execSyncsAtOnce(peer: StreamPeer): Promise<number[]> {
  const work = async (): Promise<void> => {
    for (let i = 0; i < execsPerRound; i++) await execSync(peer);
  };
  const ms = await timed(() => Promise.all(Array.from({ length: atOnce }, work)));
  return [(atOnce * execsPerRound) / (ms / 1000)];
}

interface Way {
  readonly name: string;
  readonly cgroup: CpuCgroup;
  readonly batch: () => Promise<unknown>;
}

function waysOf(peers: readonly StreamPeer[], alone: CpuCgroup): Way[] {
  const argv = peers.flatMap(({ runtimeExec }) => runtimeExec ?? []);
  const loop = `i=0; while [ $i -lt ${execsPerRound} ]; do ${argv.join(' ')} </dev/null; i=$((i+1)); done`;
  const script = ['sh', '-c', `echo $$ >${alone.procs}; ${loop}`];
  return [
    { name: 'runc exec', cgroup: alone, batch: () => command(script) },
    ...peers.map((peer) => ({
      ...{ name: peer.name, cgroup: peer.cgroup },
      batch: async () => {
        for (let i = 0; i < execsPerRound; i++) await execSync(peer);
      },
    })),
  ];
}

/** One after the other, beside the OCI runtime alone, which a shell starts with a fork of its own. */
async function tellExecSync(peers: readonly StreamPeer[], alone: CpuCgroup): Promise<void> {
  const ways = waysOf(peers, alone);
  const values = ways.map((): { ms: number[]; cpuMs: number[] } => ({ ms: [], cpuMs: [] }));
  for (let round = -1; round < 2 * rounds; round++) {
    for (const [i, { cgroup, batch }] of ways.entries()) {
      const before = cgroup.cpuMs;
      const ms = await timed(batch);
      if (round < 0) continue;
      values[i]?.ms.push(ms / execsPerRound);
      values[i]?.cpuMs.push((cgroup.cpuMs - before) / execsPerRound);
    }
  }
  const medians = values.map(({ ms, cpuMs }) => ({ ms: median(ms), cpuMs: median(cpuMs) }));
  const text = medians.map(
    ({ ms, cpuMs }, i) => `${ways[i]?.name} ${ms.toFixed(2)} ms, CPU ${cpuMs.toFixed(2)} ms`,
  );
  console.log(`ExecSync true, mean of ${execsPerRound} one after the other: ${text.join('; ')}`);
  const above = (medians[1]?.ms ?? 0) - (medians[0]?.ms ?? 0);
  const target = `at most ${targets.execSyncMs} ms above the runtime's own; it is ${above.toFixed(2)}`;
  console.log(`  target: ${target}: ${above <= targets.execSyncMs ? 'ok' : 'MISSED'}`);
}

async function tellMemory(peers: readonly StreamPeer[]): Promise<void> {
  for (const peer of peers) {
    for (let i = 0; i < 20; i++) await finishAll([await idleSession(peer)]);
    await sleep(settleMs);
    const before = memoryKiB(peer.pid, ['Rss']);
    const open: SpdyCommand[] = [];
    for (let i = 0; i < sessions; i++) open.push(await idleSession(peer));
    await sleep(settleMs);
    const growth = memoryKiB(peer.pid, ['Rss']) - before;
    const verdict = growth <= targets.rssKiB ? 'ok' : 'MISSED';
    const target = peer.name === 'cria' ? `; target: at most ${targets.rssKiB} KiB: ${verdict}` : '';
    console.log(`RSS of the daemon with ${sessions} exec sessions: ${peer.name} +${growth} KiB${target}`);
    await finishAll(open);
  }
}

/** A session that has carried something. */
async function idleSession(peer: StreamPeer): Promise<SpdyCommand> {
  const session = await exec(peer, ['cat'], true, true);
  session.stdin!.write('x');
  await session.client.until('the echo', () => session.stdout!.bytes === 1);
  return session;
}

async function finishAll(open: readonly SpdyCommand[]): Promise<void> {
  for (const session of open) session.stdin!.end();
  for (const session of open) await finish(session);
}
