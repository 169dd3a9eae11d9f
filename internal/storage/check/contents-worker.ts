// A worker thread that makes one layer's tar again from its tar-split and its files, and takes its digest.

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { parentPort, workerData } from 'node:worker_threads';
import { createGunzip } from 'node:zlib';
import { describeError } from '../../errors/daemon-error.ts';
import { ThreadRoot } from '../../sys/confine.ts';
import { parseSplitLine } from '../unpack/tar-split-line.ts';
import { RemadeLayer } from './remade-layer.ts';

export interface ContentsOrder {
  readonly diff: string;
  readonly tarSplit: string;
  readonly diffId: string;
  /** False for a layer whose owners are shifted on disk. */
  readonly comparesOwners: boolean;
}

export interface ContentsAnswer {
  /** Undefined when the tar cannot be made again. */
  readonly diffId: string | undefined;
  /** Why the layer cannot be read. */
  readonly failure: string | undefined;
  /** Files whose kind, owner or mode is not as in the archive. */
  readonly changed: readonly string[];
}

async function check(order: ContentsOrder): Promise<ContentsAnswer> {
  const layer = new RemadeLayer(order.comparesOwners);
  new ThreadRoot().enter(order.diff);
  const input = createReadStream(order.tarSplit); // reads on the pool's threads, which keep the root of the process
  const lines = input.pipe(createGunzip());
  input.on('error', (cause) => lines.destroy(cause));
  for await (const line of createInterface({ input: lines, crlfDelay: Number.POSITIVE_INFINITY })) {
    const entry = parseSplitLine(line);
    if (entry.kind === 'segment') layer.segment(entry.bytes);
    else layer.file(entry);
  }
  return layer.finish();
}

async function answer(order: ContentsOrder): Promise<ContentsAnswer> {
  try {
    return await check(order);
  } catch (cause) {
    return {
      diffId: undefined,
      failure: `cannot be made into its tar again: ${describeError(cause)}`,
      changed: [],
    };
  }
}

parentPort?.postMessage(await answer(workerData as ContentsOrder));
