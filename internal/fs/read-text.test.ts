import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readTextIfThere } from './read-text.ts';

test('readTextIfThere takes only a missing file for none', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'cria-text-'));
  t.after(() => rmSync(root, { recursive: true }));
  writeFileSync(join(root, 'empty'), '');
  symlinkSync('loop', join(root, 'loop'));
  assert.equal(await readTextIfThere(join(root, 'none')), undefined);
  assert.equal(await readTextIfThere(join(root, 'empty')), '');
  await assert.rejects(readTextIfThere(join(root, 'loop')), { code: 'ELOOP' });
  await assert.rejects(readTextIfThere(root), { code: 'EISDIR' });
});
