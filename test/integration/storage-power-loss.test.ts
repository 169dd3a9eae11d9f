// The power goes at many moments of a day of pulls. The disk is a loop device; what is looked at are copies of its file,
// made while it was not written: the exact contents that the device had been given, without any sync. A drive that loses
// what it was given and not yet told to flush is not imitated.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '../../internal/log/logger.ts';
import { inspect } from '../../internal/storage/check/inspect.ts';
import { openStore } from '../../internal/storage/open-store.ts';
import { tarArchive } from '../fixtures/tar-builder.ts';
import { rounds } from '../harness/long-tests.ts';
import { hasLoopDevices, LoopDisk } from '../harness/loop-disk.ts';
import { storeImage, testLayer } from './storage-world.ts';

const check = { contents: true, unreferencedAgeMs: 1e9, signal: new AbortController().signal };
/** In memory, so that a copy takes less time than the pauses between two writes. */
const parent = existsSync('/dev/shm') ? '/dev/shm' : undefined;

interface Snapshot {
  readonly disk: LoopDisk;
  /** Images that were told to be stored before the copy began, and not yet to be removed. */
  readonly told: ReadonlySet<string>;
}

describe('after a power loss', { skip: hasLoopDevices() ? false : 'needs loop devices' }, () => {
  let disk: LoopDisk;
  before(() => {
    disk = LoopDisk.make(192 << 20, parent);
    mkdirSync(join(disk.path, 'run'));
  });
  after(() => disk.destroy());

  async function* snapshots(count: number): AsyncGenerator<Snapshot> {
    const child = fileURLToPath(new URL('./storage-power-child.js', import.meta.url));
    const args = [child, join(disk.path, 'graph'), join(disk.path, 'run')];
    const writer = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(writer, 'exit');
    const told = new Set<string>();
    createInterface({ input: writer.stdout }).on('line', (line) => {
      const [word, id = ''] = line.split(' ');
      if (word === 'stored') told.add(id);
      else told.delete(id);
    });
    try {
      for (let taken = 0; taken < count; ) {
        await sleep(5 + Math.random() * 120);
        assert.equal(writer.exitCode, null, 'the writer has ended');
        const toldBefore = new Set(told);
        const copy = disk.snapshot();
        if (copy === undefined) continue;
        taken += 1;
        await sleep(20); // what was told to be removed meanwhile counts for neither side
        try {
          yield { disk: copy, told: new Set([...toldBefore].filter((id) => told.has(id))) };
        } finally {
          copy.destroy();
        }
      }
    } finally {
      writer.kill('SIGKILL');
      await ended;
    }
  }

  test('every image that is listed is whole, every one that was told to be stored is listed, and pulls go on', async () => {
    let listedImages = 0;
    for await (const { disk: copy, told } of snapshots(rounds(10, 40))) {
      const [graphRoot, runRoot] = [join(copy.path, 'graph'), join(copy.path, 'run')];
      const store = await openStore({ graphRoot, runRoot, logger: silentLogger });
      try {
        const listed = new Set(store.images.list().map(({ id }) => id));
        listedImages += listed.size;
        for (const id of told)
          assert.ok(listed.has(id), `image ${id} was told to be stored and is not listed`);
        const { findings } = await inspect(store.state, check);
        assert.deepEqual(findings, []);
        assert.ok(!existsSync(join(graphRoot, 'overlay/tempdirs')));
        const layer = testLayer(tarArchive([{ name: 'next', content: Buffer.from(`${listedImages}`) }]));
        await storeImage(store, [layer], 'localhost/next:1');
        assert.equal(store.images.list().length, listed.size + 1);
      } finally {
        await store.close();
      }
    }
    assert.ok(listedImages > 0, 'no copy had an image in it');
  });
});
