import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { defaultConfig } from '../../internal/config/options.ts';
import { markRunning, markStopped, readMarks } from './run-marks.ts';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'run-marks-'));
});
after(() => rm(root, { recursive: true }));

test('a power loss is told from an orderly stop, from a kill and from a first start', async () => {
  const config = defaultConfig();
  const files = { version_file: join(root, 'run/version'), clean_shutdown_file: join(root, 'lib/clean') };
  const marked = { ...config, crio: { ...config.crio, root, ...files } };
  assert.deepEqual(await readMarks(marked), { isBeforeBoot: true, lostPower: false });
  await markRunning(marked);
  assert.deepEqual(await readMarks(marked), { isBeforeBoot: false, lostPower: false }, 'killed');
  await markStopped(marked);
  await rm(files.version_file);
  assert.deepEqual(await readMarks(marked), { isBeforeBoot: true, lostPower: false }, 'stopped, then booted');
  await markRunning(marked);
  await writeFile(`${files.clean_shutdown_file}.supported`, 'another boot');
  assert.deepEqual(await readMarks(marked), { isBeforeBoot: false, lostPower: true });
});
