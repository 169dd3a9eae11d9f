// The quick look at the daemon's start: what a power loss or another tool's crash has damaged. What can be mended is;
// what cannot is put aside, so that only the images on it are unlisted and pulled again. No good image is touched, and
// nothing is deleted here.

import { describeError } from '../../errors/daemon-error.ts';
import type { StoreState } from '../store-state.ts';
import type { Finding } from './finding.ts';
import { inspect } from './inspect.ts';
import { mendLayers } from './mend.ts';

const patienceMs = 2000;

export async function inspectAtStart(store: StoreState): Promise<void> {
  const options = {
    contents: false,
    unreferencedAgeMs: Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
  };
  const { findings } = await inspect(store, options);
  const mendable = findings.filter(({ cure, readOnly }) => cure === 'mend' && !readOnly);
  for (const finding of findings) report(store, finding);
  // Before the rest is put aside: a layer above a broken one is mended too, for the day its base is back.
  if (mendable.length > 0) await mend(store, mendable);
  for (const { object, id, cure, reason } of findings) {
    if (cure !== 'remove' || object === 'container') continue;
    const layer = store.forest.get(id);
    if (object === 'image' && !reason.startsWith('stands on')) store.broken.addImage(id);
    else if (object === 'layer' && layer !== undefined) store.broken.addLayer(layer);
  }
}

async function mend(store: StoreState, mendable: readonly Finding[]): Promise<void> {
  const ids = mendable.map(({ id }) => id);
  try {
    const held = await store.layers.lockedWithin('write', patienceMs, (layers) =>
      mendLayers(store, layers, ids),
    );
    if (held === undefined)
      store.logger.warn({}, 'layers are mended at the next start: another process has the lock');
  } catch (cause) {
    store.logger.warn({ error: describeError(cause) }, 'layers could not be mended');
  }
}

const outcomes = {
  mend: 'damage in the image store, mended',
  remove: 'damage in the image store, put aside: images on it are not listed until they are pulled again',
  none: 'damage in the image store, left as it is',
};

function report({ logger }: StoreState, { object, id, reason, cure }: Finding): void {
  logger.warn({ [`${object}Id`]: id, reason }, outcomes[cure]);
}
