// Port-forward as people do it: cria's own, and crictl's by both of its transports. Afterwards the daemon has no more sockets
// than before.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Crictl } from '../harness/crictl.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { rounds } from '../harness/long-tests.ts';
import { runPod } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';
import { assertWorld, settledWorld, type World } from '../harness/world.ts';

const parallel = 100;
const bytesEach = rounds(256, 10 * 1024) * 1024;
const echoServer = fileURLToPath(new URL('../fixtures/echo-server.js', import.meta.url));

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

suite('port-forward', { skip: missing('runc', 'crictl', 'nsenter') }, () => {
  let daemon: TestDaemon;
  let crictl: Crictl;
  let podId = '';
  let served = 0;
  let server: ChildProcess;
  let idle: World;

  before(async () => {
    daemon = new TestDaemon();
    crictl = new Crictl(daemon);
    await daemon.start();
    podId = await runPod(daemon.client, daemon.pod('served'));
    idle = await settledWorld(daemon);
    // In the pod's network, but none of its processes.
    const argv = [`--net=${daemon.paths.namespacesDir}/netns/${podId}`, process.execPath, echoServer];
    server = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(server.stdout!, 'data')) as [Buffer];
    served = Number(line.toString());
  });

  after(async () => {
    server.kill('SIGKILL');
    await daemon.destroy();
  });

  interface Forwarding {
    /** The local ports, in the order of those that were asked for. */
    readonly ports: readonly number[];
    readonly errors: () => string;
    readonly exited: Promise<unknown>;
  }

  /** Starts a command that forwards; `use` is done with it before it is ended. Resolves with its exit code. */
  async function forwarding(
    argv: readonly string[],
    use: (running: Forwarding) => Promise<void>,
  ): Promise<number | null> {
    const [program = '', ...args] = argv;
    const wanted = args.filter((argument) => /^0:\d+$/.test(argument)).length;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let errors = '';
    let out = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const exited = once(child, 'close');
    try {
      const ports = await new Promise<number[]>((resolve, reject) => {
        child.stdout.on('data', (chunk: Buffer) => {
          out += chunk.toString();
          const found = [...out.matchAll(/127\.0\.0\.1:(\d+)\D/g)].map(([, port]) => Number(port));
          if (found.length >= wanted) resolve(found);
        });
        child.once('close', () => reject(new Error(`it does not listen: ${out}${errors}`)));
      });
      await use({ ports, errors: () => errors, exited });
    } finally {
      if (child.exitCode === null) child.kill('SIGINT');
    }
    return ((await exited) as [number | null])[0];
  }

  const own = (port: number): string[] => [
    process.execPath,
    ...daemon.argv('port-forward', 'served', `0:${port}`),
  ];
  const byCrictl = (transport: string, port: number): string[] =>
    crictl.argv('port-forward', '-r', transport, podId, `0:${port}`);

  /** The whole answer: what was sent, and its length, which the server sends when it has seen the end. */
  async function exchange(port: number, input: Buffer): Promise<string> {
    const socket: Socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.end(input);
    await once(socket, 'close');
    return sha256(Buffer.concat(chunks));
  }

  /** Connects and waits for the end, which may be a reset. */
  async function hungUp(port: number): Promise<void> {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => {});
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  }

  async function exchangeAll({ ports: [port = 0] }: Forwarding): Promise<void> {
    const input = randomBytes(bytesEach);
    const expected = sha256(Buffer.concat([input, Buffer.from(` ${input.length}`)]));
    const sums = await Promise.all(Array.from({ length: parallel }, () => exchange(port, input)));
    assert.deepEqual(
      sums.filter((sum) => sum !== expected),
      [],
    );
  }

  /** The daemon's open sockets. Other descriptors are those of its threads, which come and go. */
  function sockets(): number {
    const directory = `/proc/${daemon.pid}/fd`;
    const isSocket = (name: string): boolean => {
      try {
        return readlinkSync(`${directory}/${name}`).startsWith('socket:');
      } catch {
        return false; // it was closed meanwhile
      }
    };
    return readdirSync(directory).filter(isSocket).length;
  }

  async function leavesNothing(use: () => Promise<void>): Promise<void> {
    const before = sockets();
    await use();
    await until('no more sockets than before', () => sockets() <= before);
  }

  test('cria: many at once, with half-closed connections', async () => {
    await leavesNothing(async () => {
      const code = await forwarding(own(served), async (running) => {
        await exchangeAll(running);
        assert.equal(running.errors(), '', 'of so many it has nothing to tell');
      });
      assert.equal(code, 130);
    });
  });

  for (const transport of ['spdy', 'websocket']) {
    test(`crictl by ${transport}: many at once, with half-closed connections`, async () => {
      await leavesNothing(async () => void (await forwarding(byCrictl(transport, served), exchangeAll)));
    });
  }

  test('cria: a port where nobody listens is told, and others go on', async () => {
    await leavesNothing(async () => {
      const argv = [...own(81), `0:${served}`];
      await forwarding(argv, async ({ ports: [refused = 0, open = 0], errors }) => {
        await hungUp(refused);
        await until('the refusal is told', () => errors().includes('\n'));
        assert.match(errors(), new RegExp(`error forwarding port 81 to pod ${podId}: .*connection refused`));
        assert.equal(await exchange(open, Buffer.from('hello')), sha256(Buffer.from('hello 5')));
        await hungUp(refused);
      });
    });
  });

  test('cria: a pod that is not there is told', async () => {
    const { exitCode, stderr } = await daemon.attempt('port-forward', 'nobody', '80');
    assert.equal(exitCode, 1);
    assert.match(stderr, /there is no pod "nobody"/);
  });

  test('cria: it ends when the pod has gone, and nothing is left', async () => {
    const gone = await runPod(daemon.client, daemon.pod('gone'));
    const code = await forwarding(
      [process.execPath, ...daemon.argv('port-forward', 'gone', '0:80')],
      async ({ ports: [port = 0], errors, exited }) => {
        await daemon.client.runtime('StopPodSandbox', { podSandboxId: gone });
        await hungUp(port);
        await exited;
        assert.match(errors(), /cannot be forwarded: it is not-ready/);
      },
    );
    assert.equal(code, 1);
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId: gone });
    await assertWorld(daemon, idle);
  });
});
