import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { bindCriSocket } from './listener.ts';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'listener-'));
});
after(() => rm(root, { recursive: true }));

test('bindCriSocket binds with mode 0660, keeps early connections for whoever serves, and removes the file at the end', async () => {
  const path = join(root, 'a.sock');
  const socket = await bindCriSocket(path);
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
  await assert.rejects(bindCriSocket(path), {
    kind: 'failed-precondition',
    message: /another daemon answers on/,
  });
  await stat(path);
  await new Promise((resolve) => other.close(resolve));
  await writeFile(path, ''); // what a killed daemon leaves does not answer either
  const socket = await bindCriSocket(path);
  socket.close();
});
