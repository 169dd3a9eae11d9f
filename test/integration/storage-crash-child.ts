// Stages and commits the same layers for ever, until it is killed. Not a test: storage-crash.test.ts starts it.

import { readFileSync } from 'node:fs';
import { silentLogger } from '../../internal/log/logger.ts';
import { openStore } from '../../internal/storage/open-store.ts';
import { storeLayer, testLayer } from './storage-world.ts';

const [graphRoot = '', runRoot = '', ...tars] = process.argv.slice(2);
const store = await openStore({ graphRoot, runRoot, logger: silentLogger });
const layers = tars.map((path) => testLayer(readFileSync(path)));
process.stdout.write('ready\n');
for (;;) {
  let parentId: string | undefined;
  const ids: string[] = [];
  for (const layer of layers) {
    parentId = (await storeLayer(store, layer, parentId)).id;
    ids.push(parentId);
  }
  await store.layers.removeUnusedLayers(ids);
}
