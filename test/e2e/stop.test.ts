// The end of a daemon when not everything can be done that belongs to it.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '../harness/daemon.ts';
import { missing } from '../harness/requirements.ts';

describe('a daemon that is stopped', { skip: missing('runc') }, () => {
  let daemon: TestDaemon;

  before(async () => {
    daemon = new TestDaemon();
    await daemon.start();
  });

  after(() => daemon?.destroy());

  test('without being able to mark its clean end it says so, and ends everything else all the same', async () => {
    mkdirSync(join(daemon.root, 'clean.shutdown')); // where the mark should be
    await assert.rejects(daemon.stop());
    assert.match(readFileSync(daemon.logFile, 'utf8'), /did not end in order.*EISDIR/);
    assert.ok(!existsSync(daemon.paths.socket), 'the CRI socket is gone');
  });
});
