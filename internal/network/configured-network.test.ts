import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ManualTimer, manualTimer } from '../../test/fakes/manual-timer.ts';
import { nodeCommandRunner } from '../../test/harness/node-command-runner.ts';
import { until } from '../../test/harness/until.ts';
import { silentLogger } from '../log/logger.ts';
import { PluginRunner } from './cni-plugin.ts';
import { ConfiguredNetwork } from './configured-network.ts';
import { PluginStatus } from './plugin-status.ts';

let root: string;
let configDirectory: string;
let pluginDirectories: string[];
let watching: AbortController;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cni-watch-test-'));
  configDirectory = join(root, 'net.d');
  pluginDirectories = [join(root, 'none'), join(root, 'bin')];
  mkdirSync(configDirectory);
  mkdirSync(pluginDirectories[1]!);
  watching = new AbortController();
});
afterEach(() => {
  watching.abort();
  rmSync(root, { recursive: true, force: true });
});

function configure(name: string, directory = configDirectory): void {
  const list = { cniVersion: '1.0.0', name, plugins: [{ type: 'bridge' }, { type: 'portmap' }] };
  writeFileSync(join(directory, `${name}.conflist`), JSON.stringify(list));
}

function install(...names: string[]): void {
  for (const name of names) {
    writeFileSync(join(pluginDirectories[1]!, name), '#!/bin/sh\n');
    chmodSync(join(pluginDirectories[1]!, name), 0o755);
  }
}

function make(defaultNetwork?: string, log = silentLogger): ConfiguredNetwork {
  const plugins = new PluginRunner(nodeCommandRunner, pluginDirectories);
  const status = new PluginStatus(plugins, { graceMs: 0, timeoutMs: 3_600_000 });
  return new ConfiguredNetwork({ configDirectory, pluginDirectories, defaultNetwork }, status, log);
}

async function becomes(network: ConfiguredNetwork, ready: boolean): Promise<void> {
  await until(`it is ${ready ? '' : 'not '}ready`, () => network.readiness.ready === ready);
}

/** Watches, and is done with the first look: the next one comes with an event or, when the test says so, by the period. */
async function watches(network: ConfiguredNetwork, t: TestContext): Promise<ManualTimer> {
  const period = manualTimer(t, 5_000);
  network.watch(watching.signal);
  while (!period.isSet) await sleep(10);
  return period;
}

function messageOf({ readiness }: ConfiguredNetwork): string {
  return readiness.ready ? 'ready' : readiness.message;
}

test('readiness asks for a configuration, then for the binaries of all plugins', async () => {
  const network = make();
  await network.refresh();
  assert.match(messageOf(network), /^no usable CNI network configuration in .*net\.d: the network provider /);
  writeFileSync(join(configDirectory, '00.conf'), '{');
  await network.refresh();
  assert.match(messageOf(network), /net\.d: 00\.conf: not JSON/);
  configure('pods');
  install('bridge');
  await network.refresh();
  assert.match(messageOf(network), /^network "pods": CNI plugin "portmap" is in none of .*none, .*bin\)$/);
  install('portmap');
  await network.refresh();
  assert.deepEqual(network.readiness, { ready: true });
});

test('refresh chooses the named network, and says so when it is not there', async () => {
  install('bridge', 'portmap');
  configure('a');
  configure('b');
  assert.equal((await make().refresh()).network?.name, 'a');
  assert.equal((await make('').refresh()).network?.name, 'a');
  assert.equal((await make('b').refresh()).network?.name, 'b');
  const other = make('c');
  assert.equal((await other.refresh()).network, undefined);
  assert.match(messageOf(other), /cni_default_network "c" is not among "a", "b"/);
});

test('refresh logs a change once', async () => {
  const lines: string[] = [];
  const note = (_: object, message: string): void => void lines.push(message);
  const network = make(undefined, { ...silentLogger, info: note, warn: note });
  await network.refresh();
  await network.refresh();
  configure('a');
  install('bridge', 'portmap');
  await network.refresh();
  await network.refresh();
  assert.deepEqual(lines, ['pod network is not ready', 'pod network is ready']);
});

test('watch follows files and plugins that come and go', async (t) => {
  const network = make();
  await watches(network, t); // the period never ends here: what is found is found by events
  configure('a');
  await sleep(20);
  install('bridge', 'portmap');
  await becomes(network, true);
  rmSync(join(pluginDirectories[1]!, 'portmap'));
  await becomes(network, false);
  install('portmap');
  await becomes(network, true);
  rmSync(join(configDirectory, 'a.conflist'));
  await becomes(network, false);
});

test('watch is told of a directory that is made, also below others that were not there', async (t) => {
  install('bridge', 'portmap');
  configDirectory = join(root, 'etc/net.d/');
  const network = make();
  await watches(network, t); // the period never ends here
  mkdirSync(join(root, 'etc'));
  await sleep(20);
  mkdirSync(configDirectory);
  configure('a');
  await becomes(network, true);
  rmSync(join(root, 'etc'), { recursive: true });
  await becomes(network, false);
  mkdirSync(configDirectory, { recursive: true });
  configure('a');
  await becomes(network, true);
});

test('watch follows a directory that is made anew at once, whose number in the file system is often the same', async (t) => {
  install('bridge', 'portmap');
  configDirectory += '/'; // as by default
  const network = make();
  await watches(network, t); // the period never ends here
  rmSync(configDirectory, { recursive: true });
  mkdirSync(configDirectory);
  configure('a');
  await becomes(network, true);
  rmSync(join(configDirectory, 'a.conflist'));
  await becomes(network, false);
});

test('a plugin that hangs at STATUS hides no change of the directories', async () => {
  const hangs = '#!/bin/sh\n: >"$0.asked"\nexec sleep 3600\n';
  writeFileSync(join(pluginDirectories[1]!, 'hanging'), hangs, { mode: 0o755 });
  const list = { cniVersion: '1.1.0', name: 'new', plugins: [{ type: 'hanging' }] };
  const file = join(configDirectory, '00-new.conflist');
  writeFileSync(file, JSON.stringify(list));
  const network = make();
  network.watch(watching.signal);
  await until('it is asked', () => existsSync(join(pluginDirectories[1]!, 'hanging.asked')));
  assert.match(messageOf(network), /its plugins have not answered STATUS yet$/);
  rmSync(file);
  await until('it is gone', () => /^no usable CNI network/.test(messageOf(network)));
  install('good');
  writeFileSync(file, JSON.stringify({ ...list, plugins: [{ type: 'good' }] }));
  await becomes(network, true);
});

test('watch finds a directory that appears or is replaced', async (t) => {
  rmSync(configDirectory, { recursive: true });
  install('bridge', 'portmap');
  const network = make();
  const period = await watches(network, t);
  mkdirSync(join(root, 'new'));
  configure('a', join(root, 'new'));
  renameSync(join(root, 'new'), configDirectory);
  period.goOff();
  await becomes(network, true);
  rmSync(join(configDirectory, 'a.conflist'));
  await becomes(network, false);
});
