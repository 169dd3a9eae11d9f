// Stores image after image until it is killed, and says of each when it is told to be stored. Not a test:
// storage-power-loss.test.ts starts it.

import { randomBytes } from 'node:crypto';
import { silentLogger } from '../../internal/log/logger.ts';
import { openStore } from '../../internal/storage/open-store.ts';
import { tarArchive } from '../fixtures/tar-builder.ts';
import { storeImage, testLayer } from './storage-world.ts';

const [graphRoot = '', runRoot = ''] = process.argv.slice(2);
const store = await openStore({ graphRoot, runRoot, logger: silentLogger });
const ids: string[] = [];

function someLayer(files: number): ReturnType<typeof testLayer> {
  const items = Array.from({ length: files }, (_, at) => ({
    name: `d${at % 7}/f${at}`,
    content: randomBytes(Math.floor(Math.random() * 30_000)),
  }));
  return testLayer(tarArchive(items));
}

const shared = someLayer(20);
for (let round = 0; ; round += 1) {
  const layers = [shared, someLayer(30), someLayer(3)];
  const image = await storeImage(store, layers, `localhost/power:${round}`);
  ids.push(image.id);
  process.stdout.write(`stored ${image.id}\n`);
  const oldest = ids.length > 8 ? ids.shift() : undefined;
  if (oldest !== undefined) {
    process.stdout.write(`removing ${oldest}\n`);
    await store.images.remove(oldest);
  }
}
