// The worker thread of one layer. Its modules are loaded and its one outside file is open before it confines itself to
// the layer's directory; it is used for one layer and then ends.

import { openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { describeError, type ErrorKind } from '../../errors/daemon-error.ts';
import { isDiskFull } from '../../errors/errno.ts';
import { confineThread } from '../../sys/confine.ts';
import { LayerError } from './layer-error.ts';
import { LayerUnpacker } from './layer-unpacker.ts';
import type { BlobPiece, UnpackOrder, UnpackReport } from './unpack-protocol.ts';

const order = workerData as UnpackOrder;
const port = parentPort;
if (port === null) throw new Error('this file is a worker');

const report = (value: UnpackReport): void => port.postMessage(value);

function fail(cause: unknown): void {
  const kind: ErrorKind =
    cause instanceof LayerError ? cause.kind : isDiskFull(cause) ? 'resource-exhausted' : 'internal';
  const message = cause instanceof LayerError ? cause.message : `cannot be unpacked: ${describeError(cause)}`;
  report({ failed: { kind, message } });
  port?.close();
}

const tarSplitFd = openSync(order.tarSplit, 'wx', 0o600);
confineThread(order.diff);
const unpacker = new LayerUnpacker({ ...order, tarSplitFd });

let work = Promise.resolve();
port.on('message', (piece: BlobPiece) => {
  work = work.then(async () => {
    if ('bytes' in piece) {
      const { buffer, byteOffset, byteLength } = piece.bytes;
      await unpacker.push(Buffer.from(buffer, byteOffset, byteLength));
      report({ consumedBytes: byteLength });
      return;
    }
    report({ done: await unpacker.finish() });
    port.close();
  });
  work.catch(fail);
});
