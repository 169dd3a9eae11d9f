import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { link, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger } from '../log/logger.ts';
import { bindCriSocket } from './listener.ts';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'listener-'));
});
after(() => rm(root, { recursive: true }));

test('bindCriSocket binds with mode 0660, keeps early connections for whoever serves, and removes the file at the end', async () => {
  const path = join(root, 'a.sock');
  const socket = await bindCriSocket(path, silentLogger);
  assert.equal((await stat(path)).mode & 0o777, 0o660);
  const early = connect(path);
  await new Promise((resolve) => early.once('connect', resolve));
  const served: Socket[] = [];
  const got = new Promise<void>((resolve) => {
    socket.serve((connection) => {
      served.push(connection);
      resolve();
    });
  });
  await got;
  assert.equal(served.length, 1);
  served[0]?.destroy();
  early.destroy();
  socket.close();
  assert.deepEqual(await readdir(root), []);
});

test('bindCriSocket leaves the socket of a daemon that lives, and replaces one that nobody listens on', async () => {
  const path = join(root, 'b.sock');
  const other = createServer(() => {});
  await new Promise<void>((resolve) => other.listen(path, resolve));
  await assert.rejects(bindCriSocket(path, silentLogger), {
    kind: 'failed-precondition',
    message: /another daemon answers on/,
  });
  const left = join(root, 'left.sock'); // as a killed daemon leaves it: closing removes only the name that was bound
  await link(path, left);
  await new Promise((resolve) => other.close(resolve));
  const socket = await bindCriSocket(left, silentLogger);
  socket.close();
});

test('bindCriSocket leaves a file alone that is no socket', async () => {
  const path = join(root, 'crio.conf');
  await writeFile(path, 'precious');
  await assert.rejects(bindCriSocket(path, silentLogger), {
    kind: 'failed-precondition',
    message: /a file that is no socket/,
  });
  assert.equal(await readFile(path, 'utf8'), 'precious');
});

test('bindCriSocket leaves the socket of a daemon that is too busy to take connections', async () => {
  const path = join(root, 'busy.sock');
  const script = `require('net').createServer().listen({ path: '${path}', backlog: 1 }, () => {
    require('fs').writeSync(1, 'listens');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  })`;
  const busy = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(busy.stdout, 'data');
  const waiting = Array.from({ length: 3 }, () => connect(path).on('error', () => {}));
  try {
    await assert.rejects(bindCriSocket(path, silentLogger), { kind: 'failed-precondition' });
    assert.ok((await stat(path)).isSocket());
  } finally {
    for (const socket of waiting) socket.destroy();
    busy.kill('SIGKILL');
    await once(busy, 'exit');
  }
});

test('bindCriSocket leaves a socket of datagrams alone, as that of a logger', async () => {
  const path = join(root, 'log.sock');
  const bind = 'use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0) && bind(S, pack_sockaddr_un(shift)) or die';
  const script = `${bind}; $| = 1; print "bound"; sysread(STDIN, $_, 1)`;
  const logger = spawn('perl', ['-e', script, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    await once(logger.stdout, 'data');
    await assert.rejects(bindCriSocket(path, silentLogger), { kind: 'failed-precondition' });
    assert.ok((await stat(path)).isSocket());
  } finally {
    logger.kill('SIGKILL');
    await once(logger, 'exit');
  }
});
