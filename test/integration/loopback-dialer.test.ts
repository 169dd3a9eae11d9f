// Dialling in network namespaces that the test makes. What must be left afterwards is nothing: no descriptor, and no
// thread in a namespace, which would keep it.

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { NamespaceDialer } from '../../internal/namespaces/namespace-dialer.ts';
import { until } from '../harness/until.ts';

const namespace = `cria-dial-${process.pid}`;
const path = `/run/netns/${namespace}`;
const never = new AbortController().signal;
const serverFile = fileURLToPath(new URL('../fixtures/echo-server.js', import.meta.url));
const needsTools = ['/usr/sbin/ip', '/usr/bin/nsenter'].find((tool) => !existsSync(tool));
const skip = process.getuid?.() !== 0 ? 'needs root' : needsTools !== undefined && `needs ${needsTools}`;

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
}

async function serve(host: string, backlog = 511): Promise<Server> {
  const argv = [`--net=${path}`, process.execPath, serverFile, host, String(backlog)];
  const child = spawn('/usr/bin/nsenter', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  servers.push(child);
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  return { child, port: Number(line.toString()) };
}

const servers: ChildProcess[] = [];

const descriptors = (): number => readdirSync('/proc/self/fd').length;

/** The network namespaces of all threads of this process. */
function threadNetworks(): Set<string> {
  return new Set(
    readdirSync('/proc/self/task').map((task) => readlinkSync(`/proc/self/task/${task}/ns/net`)),
  );
}

async function exchange(socket: Socket, input: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const closed = once(socket, 'close');
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.end(input);
  await closed;
  return Buffer.concat(chunks);
}

suite('connections into a network namespace', { skip }, () => {
  const dialer = new NamespaceDialer();
  let v4: Server;
  let before4 = 0;

  before(async () => {
    execFileSync('/usr/sbin/ip', ['netns', 'add', namespace]);
    execFileSync('/usr/sbin/ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
    v4 = await serve('127.0.0.1');
    await exchange(await dialer.dial(path, v4.port, never), Buffer.from('warm'));
    await dialer.close();
    before4 = descriptors();
  });

  after(async () => {
    for (const child of servers) child.kill('SIGKILL');
    await dialer.close();
    execFileSync('/usr/sbin/ip', ['netns', 'delete', namespace]);
  });

  test('300 at once carry everything, each direction ends apart, and nothing is left', async () => {
    const one = async (): Promise<void> => {
      const input = randomBytes(64 * 1024);
      const answer = await exchange(await dialer.dial(path, v4.port, never), input);
      assert.deepEqual(answer, Buffer.concat([input, Buffer.from(` ${input.length}`)]));
    };
    await Promise.all(Array.from({ length: 300 }, one));
    assert.equal(threadNetworks().size, 1, 'a thread has stayed in the namespace');
    await dialer.close();
    await until('no more descriptors than before', () => descriptors() <= before4);
  });

  const noIpv6 = !existsSync('/proc/net/if_inet6') && 'needs IPv6';
  test('what listens on IPv6 only is reached', { skip: noIpv6 }, async () => {
    const v6 = await serve('::1');
    const answer = await exchange(await dialer.dial(path, v6.port, never), Buffer.from('hello'));
    assert.equal(answer.toString(), 'hello 5');
  });

  test('a port of the host is not one of the namespace, and a refusal leaves no descriptor', async () => {
    const host = createServer().listen(0, '127.0.0.1');
    await once(host, 'listening');
    const address = host.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const reached = await dialer.dial(undefined, port, never);
    reached.destroy();
    await once(reached, 'close');
    const open = descriptors();
    const refusals = Array.from({ length: 50 }, () => dialer.dial(path, port, never));
    for (const refused of await Promise.allSettled(refusals)) {
      assert.equal(refused.status, 'rejected');
      assert.equal((refused.reason as NodeJS.ErrnoException).code, 'ECONNREFUSED');
    }
    host.close();
    await until('no more descriptors than before', () => descriptors() <= open);
  });

  test('a namespace that does not exist is told by its path', async () => {
    await assert.rejects(dialer.dial('/run/netns/cria-no-such', 80, never), /ENOENT.*cria-no-such/);
  });

  test('who leaves while nobody accepts gets away at once, without a descriptor', async () => {
    const stuck = await serve('127.0.0.1', 1);
    stuck.child.kill('SIGSTOP');
    const leave = new AbortController();
    const open = descriptors();
    const dials = Array.from({ length: 8 }, () => dialer.dial(path, stuck.port, leave.signal));
    // The queue takes two or three of a backlog of one; the others wait for a place.
    await Promise.all(dials.slice(0, 2));
    leave.abort(new Error('the client has left'));
    const outcomes = await Promise.allSettled(dials);
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') outcome.value.destroy();
      else assert.match(String(outcome.reason), /the client has left/);
    }
    assert.ok(outcomes.some(({ status }) => status === 'rejected'));
    stuck.child.kill('SIGKILL');
    await until('no more descriptors than before', () => descriptors() <= open);
  });

  test('a signal that was aborted before leaves nothing', async () => {
    const open = descriptors();
    await assert.rejects(dialer.dial(path, v4.port, AbortSignal.abort(new Error('too late'))), /too late/);
    await until('no more descriptors than before', () => descriptors() <= open);
  });
});
