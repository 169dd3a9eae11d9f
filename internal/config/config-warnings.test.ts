import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notSupportedYet, useConfigFolder } from '../../test/fixtures/config-folder.ts';
import { optionList } from './option-list.ts';

const folder = useConfigFolder();

test('loadConfig warns once for each unknown key and never stops for one', async () => {
  const loaded = await folder.loadText(
    'extra = 1\n[crio]\nnope = 1\n[crio.runtime]\nmanage_ns_lifecycle = true\n[other]\nx = 1\n',
  );
  assert.deepEqual(folder.warningsOf(loaded), [
    'crio.conf: crio.nope: unknown key, ignored',
    'crio.conf: crio.runtime.manage_ns_lifecycle: unknown key, ignored',
    'crio.conf: extra: unknown key, ignored',
    'crio.conf: other: unknown key, ignored',
  ]);
});

test('loadConfig takes a key named like a method of objects for an unknown one', async () => {
  const loaded = await folder.loadText('[crio]\ntoString = 1\n__proto__ = { a = 1 }\n');
  assert.equal(folder.warningsOf(loaded).length, 2);
});

test('loadConfig warns for keys of parts that do not exist here, only when they are not at their default', async () => {
  const loaded = await folder.loadText(
    '[crio.runtime]\nconmon = ""\npinns_path = "/usr/bin/pinns"\n' +
      '[crio.runtime.runtimes.runc]\nmonitor_path = "/usr/bin/conmon"\nstream_websockets = false\n',
  );
  assert.deepEqual(folder.warningsOf(loaded), [
    'crio.conf: crio.runtime.pinns_path: ignored, there is no such part here',
    'crio.conf: crio.runtime.runtimes.runc.monitor_path: ignored, there is no such part here',
  ]);
});

test('loadConfig warns of allowed annotations that have no effect', async () => {
  const loaded = await folder.loadText(
    '[crio.runtime.runtimes.fast]\nallowed_annotations = ["devices.crio.io", "disable-fips.crio.io"]\n' +
      '[crio.runtime.workloads.w]\nactivation_annotation = "w"\nallowed_annotations = ["seccomp-profile.crio.io"]\n',
  );
  assert.deepEqual(folder.warningsOf(loaded), [
    'crio.conf: crio.runtime.runtimes.fast.allowed_annotations: "disable-fips.crio.io" has no effect, it is not supported yet',
    'crio.conf: crio.runtime.workloads.w.allowed_annotations: "seccomp-profile.crio.io" has no effect, it is not supported yet',
  ]);
});

test('loadConfig warns for every key that is not supported yet and is not at its default', async () => {
  const waiting = optionList.filter(({ option, flag }) => option.status === 'later' && flag !== undefined);
  const unusual = (value: unknown): unknown =>
    typeof value === 'boolean'
      ? !value
      : typeof value === 'number'
        ? value + 1
        : Array.isArray(value)
          ? ['x']
          : 'x';
  const overrides = waiting.map(({ key, option }) => ({
    key,
    value: unusual(option.default),
    source: 'test',
  }));
  const { warnings } = await folder.load({ overrides });
  const found = warnings.filter(({ reason }) => reason === notSupportedYet).map(({ key }) => key);
  assert.deepEqual(
    found,
    waiting.map(({ key }) => key),
  );
  const usual = waiting.map(({ key, option }) => ({ key, value: option.default, source: 'test' }));
  assert.deepEqual((await folder.load({ overrides: usual })).warnings, []);
});
