// After a power loss: the content of the layers that other tools stored last. They sync nothing, so a layer of theirs may
// have all its files, and some of them empty. It is done in the background, because it reads every byte.

import { describeError } from '../../errors/daemon-error.ts';
import type { StoreState } from '../store-state.ts';
import { layerContents } from './contents.ts';
import type { SuspectLayers } from './suspect-layers.ts';

/**
 * Puts aside those whose content is not what it was, and takes back what an earlier check put aside and is good. What the
 * signal cuts is left to the next start. Does not reject.
 */
export async function verifySuspects(
  store: StoreState,
  suspects: SuspectLayers,
  signal: AbortSignal,
): Promise<void> {
  const records = suspects.records();
  if (records.length === 0) return;
  try {
    for (const record of records) {
      const contents = await layerContents(store, [record], signal);
      await suspects.settle(record, contents.get(record.id));
    }
    store.logger.info({ layers: records.length }, 'checked the content of layers after a power loss');
  } catch (cause) {
    if (!signal.aborted)
      store.logger.warn(
        { error: describeError(cause) },
        'could not check layers after a power loss; the next start tries again',
      );
  }
}
