// A worker thread that unpacks layers, one after the other. Its modules are loaded before it confines itself; a layer's
// one outside file, its tar-split, is opened before the layer's directory becomes the thread's root.

import { closeSync, openSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { describeError, type ErrorKind } from '../../errors/daemon-error.ts';
import { isDiskFull } from '../../errors/errno.ts';
import { ThreadRoot } from '../../sys/confine.ts';
import { LayerError, NoRoomError } from './layer-error.ts';
import { LayerUnpacker } from './layer-unpacker.ts';
import type { UnpackCommand, UnpackOrder, UnpackReport } from './unpack-protocol.ts';

const port = parentPort;
if (port === null) throw new Error('this file is a worker');

const report = (value: UnpackReport): void => port.postMessage(value);
const root = new ThreadRoot();

interface Job {
  readonly unpacker: LayerUnpacker;
  readonly tarSplitFd: number;
}
let job: Job | undefined;

function begin(order: UnpackOrder): Job {
  root.leave();
  const tarSplitFd = openSync(order.tarSplit, 'wx', 0o600);
  root.enter(order.diff);
  return { unpacker: new LayerUnpacker({ ...order, tarSplitFd }), tarSplitFd };
}

async function obey(command: Exclude<UnpackCommand, { readonly quit: true }>): Promise<void> {
  if ('order' in command) {
    job = begin(command.order);
    return;
  }
  if (job === undefined) throw new Error('no layer has begun');
  if ('pieces' in command) {
    for (const { buffer, byteOffset, byteLength } of command.pieces) {
      await job.unpacker.push(Buffer.from(buffer, byteOffset, byteLength));
    }
    report({ consumedBytes: command.pieces.reduce((sum, piece) => sum + piece.byteLength, 0) });
    return;
  }
  const done = await job.unpacker.finish();
  closeSync(job.tarSplitFd);
  job = undefined;
  report({ done });
}

/** After a failure the main thread ends this one, which closes whatever it has open. */
function fail(cause: unknown): void {
  const kind: ErrorKind =
    cause instanceof LayerError ? cause.kind : isDiskFull(cause) ? 'resource-exhausted' : 'internal';
  const message = cause instanceof LayerError ? cause.message : `cannot be unpacked: ${describeError(cause)}`;
  report({ failed: { kind, message, isDiskFull: isDiskFull(cause) || cause instanceof NoRoomError } });
}

let work = Promise.resolve();
port.on('message', (command: UnpackCommand) => {
  if ('quit' in command) {
    job?.unpacker.abandon();
    process.exit();
  }
  work = work.then(() => obey(command));
  work.catch(fail);
});
