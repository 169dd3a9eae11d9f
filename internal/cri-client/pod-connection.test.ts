import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { answerSpdy } from '../streaming/spdy/answer-upgrade.ts';
import { flagFin, goAwayFrame, goAwayStatus, writeDataHead } from '../streaming/spdy/frames.ts';
import { openPodConnection } from './pod-connection.ts';

/** More than a stream takes unread. */
const size = 40_000;

test('a connection whose pod has ended its side, with much that nobody had read, hears the end of the session', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const upgraded = new Promise<Duplex>((resolve) => {
    server.once('upgrade', (_request, socket, head) => {
      answerSpdy({ socket, head }, 'portforward.k8s.io');
      const frame = Buffer.alloc(8 + size);
      writeDataHead(frame, 3, flagFin, size);
      socket.resume().write(frame);
      resolve(socket);
    });
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/portforward/x`;
  const trust = { certFile: '', keyFile: '' };
  const connection = await openPodConnection(url, 80, trust, new AbortController().signal);
  const socket = await upgraded;
  let received = 0;
  await once(connection, 'readable');
  connection.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await once(connection, 'end');
  assert.equal(received, size);
  const failed = once(connection, 'error');
  socket.end(goAwayFrame(3, goAwayStatus.ok));
  assert.match(String((await failed)[0]), /the connection to the pod was dropped/);
});
