// `kubectl port-forward`: bytes and ends of connections, and what one that breaks leaves of the others.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Forwarder } from '../harness/forwarder.ts';
import type { ClusterWorld } from './cluster-world.ts';
import { allKubectls, type Kubectl } from './kubectl.ts';
import { pod, shell, waits } from './manifests.ts';
import { PodProgram } from './pod-programs.ts';

const name = 'forwarded';
const parallel = 30;
const bytesEach = 512 * 1024;

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** The whole answer to what is sent and then ended. */
async function answerTo(port: number, input: Buffer): Promise<Buffer> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.end(input);
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

/** A connection that may break; it has written a word. */
function greeting(port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  socket.write('hello');
  return socket;
}

/** Resolves when such a connection has broken. */
async function brokenGreeting(port: number): Promise<void> {
  const socket = greeting(port).resume();
  await once(socket, 'close');
}

export function testPortForward(world: ClusterWorld): void {
  const servers = new Map<string, PodProgram>();

  before(async () => {
    await world.ready(pod(name, shell(waits)));
    const breaking = ['endless', 'ends', 'resets'].map((how) => ['breaking-server.js', how]);
    for (const argv of [['echo-server.js'], ...breaking])
      servers.set(argv.at(-1) ?? '', await PodProgram.start(world.daemon, name, argv));
  });
  after(async () => {
    for (const server of servers.values()) await server.end();
  });

  const portOf = (server: string): number => servers.get(server)?.port ?? 0;

  async function forwarding(
    kubectl: Kubectl,
    ports: readonly number[],
    use: (forwarder: Forwarder) => Promise<void>,
  ): Promise<void> {
    const wanted = ports.map((port) => `:${port}`);
    const forwarder = await Forwarder.start(kubectl.argv('port-forward', `pod/${name}`, ...wanted));
    try {
      await use(forwarder);
    } finally {
      await forwarder.kill();
    }
  }

  /** `use` breaks connections of a forward in its own way; one to another server of the pod goes on, and so does the forward. */
  async function survives(
    kubectl: Kubectl,
    server: string,
    use: (port: number) => Promise<void>,
  ): Promise<void> {
    await forwarding(kubectl, [portOf(server), portOf('echo-server.js')], async (forwarder) => {
      const [breaking = 0, echo = 0] = forwarder.ports;
      const steady = greeting(echo);
      await once(steady, 'data');
      for (let round = 0; round < 3; round++) await Promise.all([1, 2, 3, 4].map(() => use(breaking)));
      steady.write('again');
      const [heard] = (await once(steady, 'data')) as [Buffer];
      assert.equal(heard.toString(), 'again');
      steady.destroy();
      assert.equal((await answerTo(echo, Buffer.from('hello'))).toString(), 'hello 5');
      assert.equal(forwarder.hasEnded, false, forwarder.said);
    });
  }

  for (const kubectl of allKubectls()) {
    test(`${kubectl.title}: many connections at once, each half closed`, () =>
      forwarding(kubectl, [portOf('echo-server.js')], async ({ port }) => {
        const input = randomBytes(bytesEach);
        const expected = sha256(Buffer.concat([input, Buffer.from(` ${input.length}`)]));
        const answers = await Promise.all(Array.from({ length: parallel }, () => answerTo(port, input)));
        assert.deepEqual(
          answers.map(sha256),
          answers.map(() => expected),
        );
      }));

    test(`${kubectl.title}: a port where nobody listens is told`, () =>
      forwarding(kubectl, [81], async (forwarder) => {
        await brokenGreeting(forwarder.port);
        for (let tries = 0; !forwarder.said.includes('refused') && tries < 600; tries++) await sleep(50);
        assert.match(forwarder.said, /error forwarding port 81 to pod [0-9a-f]{64}.*connection refused/);
      }));

    test(`${kubectl.title}: a server that ends a connection first is heard to its end`, () =>
      forwarding(kubectl, [portOf('ends')], async ({ port }) => {
        const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
        let bytes = 0;
        socket.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
        await once(socket, 'end');
        assert.equal(bytes, 1000);
        socket.destroy();
      }));

    test(`${kubectl.title}: a server that resets its connections takes no other along`, () =>
      survives(kubectl, 'resets', brokenGreeting));

    const skip = kubectl.isOld && 'its own library stops at data that nobody takes any more';
    test(
      `${kubectl.title}: clients that leave in the middle of a download take no other along`,
      { skip },
      () =>
        survives(kubectl, 'endless', async (port) => {
          const socket = greeting(port);
          await once(socket, 'data');
          socket.resetAndDestroy();
        }),
    );

    test(`${kubectl.title}: a forward that is killed with open connections leaves nothing`, async () => {
      const use = (connections: number) =>
        forwarding(kubectl, [portOf('endless')], async ({ port }) => {
          const sockets = Array.from({ length: connections }, () => greeting(port));
          await Promise.all(sockets.map((socket) => once(socket, 'data')));
        });
      await use(1); // what the daemon keeps for the next connection is there now
      const before = await world.traces();
      await use(10);
      await world.noTraces(before);
    });
  }
}
