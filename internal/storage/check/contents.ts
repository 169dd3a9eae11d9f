// The full check of layers: each is made into its tar again, in worker threads.

import { once, setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Semaphore } from '../../async/semaphore.ts';
import { describeError } from '../../errors/daemon-error.ts';
import { isIncomplete, type LayerRecord } from '../layer-records.ts';
import type { StoreState } from '../store-state.ts';
import { findTarSplit } from '../tar-split.ts';
import type { ContentsAnswer, ContentsOrder } from './contents-worker.ts';
import type { Fault } from './layer-files.ts';

const workersAtOnce = 2;

/** Faults by layer id. A layer without tar-split cannot be checked, and is not told here. */
export async function layerContents(
  store: StoreState,
  layers: readonly LayerRecord[],
  signal: AbortSignal,
): Promise<Map<string, Fault[]>> {
  const places = new Semaphore(workersAtOnce);
  setMaxListeners(0, signal); // one for each layer that waits: no leak
  const faults = new Map<string, Fault[]>();
  const checked = layers.map(async (record) => {
    const order = orderOf(store, record);
    if (order === undefined) return;
    const answer = await places.run(() => checkInWorker(order, signal), signal);
    faults.set(record.id, faultsOf(answer, order));
  });
  await Promise.all(checked);
  return faults;
}

function orderOf(store: StoreState, record: LayerRecord): ContentsOrder | undefined {
  const diffId = record['diff-digest'];
  const isMapped = (record.uidmap?.length ?? 0) > 0 || (record.gidmap?.length ?? 0) > 0;
  const home = store.homeOf(record.id);
  const tarSplit = findTarSplit(store, record.id);
  if (diffId === undefined || tarSplit === undefined || isIncomplete(record)) return undefined;
  return existsSync(home.diff(record.id))
    ? { diff: home.diff(record.id), tarSplit, diffId, comparesOwners: !isMapped }
    : undefined;
}

function faultsOf(answer: ContentsAnswer, { diffId }: ContentsOrder): Fault[] {
  const faults: Fault[] = answer.changed.map((reason) => ({ reason, cure: 'none' }));
  if (answer.failure !== undefined) faults.unshift({ reason: answer.failure, cure: 'remove' });
  else if (answer.diffId !== undefined && answer.diffId !== diffId)
    faults.unshift({ reason: `makes a tar of digest ${answer.diffId} instead of ${diffId}`, cure: 'remove' });
  return faults;
}

async function checkInWorker(order: ContentsOrder, signal: AbortSignal): Promise<ContentsAnswer> {
  signal.throwIfAborted();
  const file = new URL(`./contents-worker${extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(file, { workerData: order, name: 'check' });
  const stop = (): void => void worker.terminate();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [answer] = (await Promise.race([once(worker, 'message'), endOf(worker)])) as [ContentsAnswer];
    return answer;
  } catch (cause) {
    signal.throwIfAborted();
    return { diffId: undefined, failure: `cannot be read: ${describeError(cause)}`, changed: [] };
  } finally {
    signal.removeEventListener('abort', stop);
    await worker.terminate();
  }
}

async function endOf(worker: Worker): Promise<never> {
  await once(worker, 'exit');
  throw new Error('the checking thread ended early');
}
