import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { problemsOf, useConfigFolder } from '../../test/fixtures/config-folder.ts';

const folder = useConfigFolder();

test('loadConfig takes root, runroot and driver from storage.conf, unless a file has a value that is not empty', async () => {
  await writeFile(folder.storageConf, '[storage]\ngraphroot = "/g"\nrunroot = "/r"\ndriver = ""\n');
  const { config, defaults } = await folder.loadText('[crio]\nroot = ""\nrunroot = "/mine"\n');
  assert.equal(config.crio.root, '/g');
  assert.equal(config.crio.runroot, '/mine');
  assert.equal(config.crio.storage_driver, 'overlay');
  assert.equal(defaults.crio.runroot, '/r');
});

test('loadConfig refuses a broken storage.conf and tells a value of a wrong type in it', async () => {
  await writeFile(folder.storageConf, '[storage]\ndriver = 5\ngraphroot = ""\n');
  assert.deepEqual(problemsOf(await folder.load()), [
    `${folder.storageConf}: storage.driver: expected a string`,
  ]);
  await writeFile(folder.storageConf, '[storage\n');
  await assert.rejects(folder.load(), { message: `${folder.storageConf}:1:9: unexpected "\\n"` });
});

test('loadConfig takes the store and its options from storage.conf, its drop-ins and the environment', async () => {
  const options =
    '[storage.options]\nsize = "1G"\nadditionalimagestores = ["/a", "/b"]\nremap-uids = "0:1:2"\nroot-auto-userns-user = "pods"\n';
  await writeFile(folder.storageConf, `[storage]\nimagestore = "/i"\ntransient_store = true\n${options}`);
  await mkdir(`${folder.storageConf}.d`);
  const dropIn =
    '[storage.options.overlay]\nmountopt = "nodev"\nsize = ""\n[storage.options.pull_options]\nenable_partial_images = "true"\n';
  await writeFile(`${folder.storageConf}.d/10.conf`, dropIn);
  const loaded = await folder.loadText('[crio]\nstorage_option = ["overlay.mountopt=nosuid"]\n');
  assert.equal(loaded.config.crio.imagestore, '/i');
  assert.deepEqual(loaded.config.crio.storage_option, [
    'transient_store=true',
    'root-auto-userns-user=pods',
    'overlay.imagestore=/a',
    'overlay.imagestore=/b',
    'overlay.size=1G',
    'overlay.mountopt=nodev',
    'overlay.mountopt=nosuid',
  ]);
  assert.deepEqual(
    loaded.warnings.map(({ key }) => key),
    ['storage.options.remap-uids', 'storage.options.pull_options.enable_partial_images'],
  );
  const fromEnvironment = { ...folder.inputs.storageConf, driver: 'vfs', options: 'overlay.size=2G' };
  const { config } = await folder.load({ configFile: '', storageConf: fromEnvironment });
  assert.deepEqual([config.crio.storage_driver, config.crio.storage_option], ['vfs', ['overlay.size=2G']]);
});
