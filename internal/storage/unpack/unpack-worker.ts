// A worker thread that unpacks layers, one after the other. Its modules are loaded before it confines itself; a layer's
// one outside file, its tar-split, is opened before the layer's directory becomes the thread's root.

import { closeSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { describeError, type ErrorKind } from '../../errors/daemon-error.ts';
import { isDiskFull } from '../../errors/errno.ts';
import { ThreadRoot } from '../../sys/confine.ts';
import { ChunkMemory } from './chunk-memory.ts';
import { chunkBytes } from './decoder.ts';
import { LayerError, NoRoomError } from './layer-error.ts';
import { LayerUnpacker } from './layer-unpacker.ts';
import { RingReader } from './piece-ring.ts';
import type { UnpackCommand, UnpackOrder, UnpackReport } from './unpack-protocol.ts';

const port = parentPort;
if (port === null) throw new Error('this file is a worker');

const report = (value: UnpackReport): void => port.postMessage(value);
const root = new ThreadRoot();

const memory = new ChunkMemory(chunkBytes);
const ring = new RingReader(workerData as SharedArrayBuffer);
let unpacker: LayerUnpacker | undefined;

/** Blocks this thread while the ring is empty: nothing else is to be done in it. */
async function unpack(order: UnpackOrder): Promise<void> {
  root.leave();
  const tarSplitFd = openSync(order.tarSplit, 'wx', 0o600);
  root.enter(order.diff);
  unpacker = new LayerUnpacker({ ...order, tarSplitFd, memory });
  for (let piece = ring.take(); piece !== undefined; piece = ring.take()) {
    if (piece === 'cut') return quit();
    const later = unpacker.push(piece);
    if (later !== undefined) await later;
    if (ring.release(piece.length)) report({ hasRoom: true });
  }
  const done = await unpacker.finish();
  closeSync(tarSplitFd);
  unpacker = undefined;
  report({ done });
}

function quit(): void {
  unpacker?.close();
  process.exit();
}

/** After a failure the main thread ends this one, which closes whatever it has open. */
function fail(cause: unknown): void {
  const kind: ErrorKind =
    cause instanceof LayerError ? cause.kind : isDiskFull(cause) ? 'resource-exhausted' : 'internal';
  const message = cause instanceof LayerError ? cause.message : `cannot be unpacked: ${describeError(cause)}`;
  report({ failed: { kind, message, isDiskFull: isDiskFull(cause) || cause instanceof NoRoomError } });
}

port.on('message', (command: UnpackCommand) => {
  if ('quit' in command) quit();
  else unpack(command.order).catch(fail);
});
