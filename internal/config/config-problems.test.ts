import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsOf, useConfigFolder } from '../../test/fixtures/config-folder.ts';

const folder = useConfigFolder();

test('loadConfig reports all values of a wrong type at once, with file, key, expected and found', async () => {
  await folder.writeDropIn('1', '[crio.api]\nlisten = ["a"]\n[crio.image]\npinned_images = ["a", 1]\n');
  const text =
    '[crio]\nroot = 5\nlog_dir = 1.5\n[crio.runtime]\ndrop_infra_ctr = "yes"\npids_limit = "1"\nruntimes = 4\n' +
    '[crio.metrics]\nmetrics_port = true\n[crio.network]\nnetwork_dir = 2026-01-01\nplugin_dirs = {}\n' +
    '[crio.tracing]\ntracing_endpoint = 2026-01-01T00:00:00Z\n';
  const main = folder.inputs.configFile;
  assert.deepEqual(problemsOf(await folder.loadText(text)), [
    `${main}: crio.root: expected a string, found the integer 5`,
    `${main}: crio.log_dir: expected a string, found the float 1.5`,
    `${main}: crio.runtime.drop_infra_ctr: expected a boolean, found the string "yes"`,
    `${main}: crio.runtime.pids_limit: expected an integer, found the string "1"`,
    `${main}: crio.runtime.runtimes: expected a table, found the integer 4`,
    `${main}: crio.network.plugin_dirs: expected a list of strings, found a table`,
    `${main}: crio.metrics.metrics_port: expected an integer, found the boolean true`,
    `${main}: crio.tracing.tracing_endpoint: expected a string, found a date`,
    `${folder.inputs.configDir}/1: crio.api.listen: expected a string, found a list of strings`,
    `${folder.inputs.configDir}/1: crio.image.pinned_images: expected a list of strings, found a list with the integer 1`,
  ]);
});

test('loadConfig reports a section or handler that is no table', async () => {
  const loaded = await folder.loadText('[crio]\napi = 1\n[crio.runtime.runtimes]\nx = "y"\n');
  assert.deepEqual(problemsOf(loaded), [
    `${folder.inputs.configFile}: crio.api: expected a table, found the integer 1`,
    `${folder.inputs.configFile}: crio.runtime.runtimes.x: expected a table, found the string "y"`,
  ]);
});

test('loadConfig reports broken files with line, column and key, together with the other problems', async () => {
  await folder.writeDropIn('1', '[crio.api]\nlisten = \n');
  await folder.writeDropIn('2', '[crio]\nroot = "/a"\nroot = "/b"\n');
  await folder.writeDropIn('3', '[crio]\nroot = "a');
  await folder.writeDropIn('4', '[crio.runtime]\nlog_level = info # as before\n');
  await folder.writeDropIn('5', '[crio]\nroot = /srv/images\n');
  await folder.writeDropIn('6', '[crio]\ninternal_wipe = False\n');
  await assert.rejects(folder.loadText('[crio]\nroot = 5\n'), {
    message: [
      `${folder.inputs.configFile}: crio.root: expected a string, found the integer 5`,
      `${folder.inputs.configDir}/1:2:10: crio.api.listen: unexpected "\\n"`,
      `${folder.inputs.configDir}/2:3:1: crio.root: cannot redefine existing key 'crio.root'`,
      `${folder.inputs.configDir}/3:2:10: crio.root: unexpected end of the file`,
      `${folder.inputs.configDir}/4:2:16: crio.runtime.log_level: unexpected "o"; text needs quotes: "info"`,
      `${folder.inputs.configDir}/5:2:8: crio.root: unexpected "/"; text needs quotes: "/srv/images"`,
      `${folder.inputs.configDir}/6:2:17: crio.internal_wipe: unexpected "F"; TOML writes it false`,
    ].join('\n'),
  });
});
