// What is measured of the streams of one daemon, each figure once.

import { once } from 'node:events';
import { connectSpdy, openCommand, openForward, type SpdyCommand } from '../harness/spdy-connect.ts';
import { timed } from './measure.ts';
import { ports, type StreamPeer } from './stream-peers.ts';

export const blockBytes = 65_536;
export const blocks = 4_000;
const megabytes = (blocks * blockBytes) / 1e6;
const roundTrips = 1_000;

export async function exec(
  peer: StreamPeer,
  cmd: readonly string[],
  stdin: boolean,
  stdout: boolean,
): Promise<SpdyCommand> {
  const request = { containerId: peer.containerId, cmd: [...cmd], stdin, stdout, stderr: false, tty: false };
  const { url } = await peer.client.runtime('Exec', request);
  return openCommand(url, { stdin, stdout });
}

export async function finish({ client, error }: SpdyCommand): Promise<void> {
  await client.until('the outcome', () => error.isOver);
  if (!error.text().includes('Success')) throw new Error(`the command failed: ${error.text()}`);
  client.socket.end();
  client.socket.destroy();
}

export async function execStdout(peer: StreamPeer): Promise<number[]> {
  const dd = ['dd', 'if=/dev/zero', `bs=${blockBytes}`, `count=${blocks}`];
  const session = await exec(peer, dd, false, true);
  const stdout = session.stdout!;
  stdout.keepsData = false;
  const ms = await timed(() => session.client.until('the output', () => stdout.isOver));
  if (stdout.bytes !== blocks * blockBytes) throw new Error(`${peer.name} sent ${stdout.bytes} bytes`);
  await finish(session);
  return [megabytes / (ms / 1000)];
}

export async function execStdin(peer: StreamPeer): Promise<number[]> {
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

export async function execEcho(peer: StreamPeer): Promise<number[]> {
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

export async function forwardDownload(peer: StreamPeer): Promise<number[]> {
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

export async function forwardEcho(peer: StreamPeer): Promise<number[]> {
  const client = await forwardTo(peer);
  const { data } = await openForward(client, ports.echo, 0);
  const times = await echoes(
    () => data.write(Buffer.alloc(64)),
    (bytes) => client.until('the echo', () => data.bytes >= bytes),
  );
  client.socket.destroy();
  return times;
}

export async function forwardConnections(peer: StreamPeer): Promise<number[]> {
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

/** A session that has carried something. */
export async function idleSession(peer: StreamPeer): Promise<SpdyCommand> {
  const session = await exec(peer, ['cat'], true, true);
  session.stdin!.write('x');
  await session.client.until('the echo', () => session.stdout!.bytes === 1);
  return session;
}

export async function finishAll(open: readonly SpdyCommand[]): Promise<void> {
  for (const session of open) session.stdin!.end();
  for (const session of open) await finish(session);
}
