import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optionList } from './option-list.ts';
import { type Config, defaultConfig } from './options.ts';
import { settingsFromEnvironment, settingsFromFlags } from './overrides.ts';

test('no two options share a key, a flag or an environment variable', () => {
  for (const names of [
    optionList.map(({ key }) => key),
    optionList.flatMap(({ flag, aliases }) => (flag === undefined ? [] : [flag, ...aliases])),
    optionList.flatMap(({ env }) => env ?? []),
  ]) {
    const twice = names.filter((name, index) => names.indexOf(name) !== index);
    assert.deepEqual(twice, []);
  }
});

test("flags and variables have CRI-O's names where those differ from the key", () => {
  const byKey = new Map(optionList.map((listed) => [listed.key, listed]));
  const named = (key: string): (string | undefined)[] => [byKey.get(key)?.flag, byKey.get(key)?.env];
  assert.deepEqual(named('crio.network.network_dir'), ['cni-config-dir', 'CONTAINER_CNI_CONFIG_DIR']);
  assert.deepEqual(named('crio.network.plugin_dirs'), ['cni-plugin-dir', 'CONTAINER_CNI_PLUGIN_DIR']);
  assert.deepEqual(named('crio.runtime.log_to_journald'), ['log-journald', 'CONTAINER_LOG_JOURNALD']);
  assert.deepEqual(named('crio.storage_option'), ['storage-opt', 'CONTAINER_STORAGE_OPT']);
  assert.deepEqual(named('crio.image.insecure_registries'), [
    'insecure-registry',
    'CONTAINER_INSECURE_REGISTRY',
  ]);
  assert.deepEqual(named('crio.runtime.separate_pull_cgroup'), ['separate-pull-cgroup', 'PULL_IN_A_CGROUP']);
  assert.deepEqual(named('crio.runtime.container_exits_dir'), ['container-exits-dir', 'CONTAINER_EXITS_DIR']);
  assert.deepEqual(named('crio.api.stream_tls_key'), ['stream-tls-key', 'CONTAINER_TLS_KEY']);
  assert.deepEqual(named('cria.registries_conf'), ['registries-conf', 'CONTAINERS_REGISTRIES_CONF']);
  assert.deepEqual(named('crio.nri.default_validator.nri_validator_required_plugins'), [
    undefined,
    undefined,
  ]);
  assert.deepEqual(named('crio.network.plugin_dir'), [undefined, undefined]);
});

test('every option has a text that ends a sentence', () => {
  for (const { key, option } of optionList) assert.match(option.doc, /^[A-Z"-].*\.$/s, key);
});

test('defaultConfig is what the types say and frozen', () => {
  const config: Config = defaultConfig();
  assert.equal(config.runtime.default_runtime, 'crun');
  assert.equal(config.nri.default_validator.nri_enable_default_validator, false);
  assert.deepEqual(Object.keys(config.runtime.runtimes), ['crun']);
  assert.throws(() => Object.assign(config.runtime, { default_runtime: 'runc' }), TypeError);
});

test('settingsFromFlags joins a repeated list, splits a single one, and lets the last scalar win', () => {
  const flags = [
    { name: 'default-env', value: 'A=1,2' },
    { name: 'default-env', value: 'B=3' },
    { name: 'hooks-dir', value: '/a, /b' },
    { name: 'l', value: 'debug' },
    { name: 'log-level', value: 'warn' },
    { name: 'selinux', value: undefined },
    { name: 'root', value: '' },
  ];
  assert.deepEqual(settingsFromFlags(flags), [
    { key: 'crio.runtime.default_env', value: ['A=1,2', 'B=3'], source: '--default-env' },
    { key: 'crio.runtime.log_level', value: 'warn', source: '--log-level' },
    { key: 'crio.runtime.selinux', value: true, source: '--selinux' },
    { key: 'crio.runtime.hooks_dir', value: ['/a', '/b'], source: '--hooks-dir' },
  ]);
});

test('settingsFromEnvironment reads handlers in the colon form', () => {
  const [first, second] = settingsFromEnvironment({
    CONTAINER_RUNTIMES: 'runc:/usr/bin/runc:/run/r:oci:true::1MiB,plain:/bin/plain',
    CONTAINER_LISTEN: '',
  });
  assert.equal(first?.key, 'crio.runtime.runtimes.runc');
  const handler = first?.value as Config['runtime']['runtimes'][string];
  assert.deepEqual(
    [
      handler?.runtime_path,
      handler?.runtime_root,
      handler?.privileged_without_host_devices,
      handler?.container_min_memory,
    ],
    ['/usr/bin/runc', '/run/r', true, '1MiB'],
  );
  assert.equal((second?.value as typeof handler)?.container_min_memory, '12MiB');
});
