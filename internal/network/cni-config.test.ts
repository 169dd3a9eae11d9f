import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { parseNetwork, readNetworks } from './cni-config.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cni-config-test-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, content: unknown): void {
  writeFileSync(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content));
}

const list = (name: string, ...types: string[]): object => ({
  cniVersion: '1.0.0',
  name,
  plugins: types.map((type) => ({ type })),
});

async function names(): Promise<string[]> {
  return (await readNetworks(directory)).networks.map(({ name }) => name);
}

test('readNetworks orders by file name and takes lists and single plugins', async () => {
  file('20-b.conf', { cniVersion: '0.4.0', name: 'b', type: 'bridge', bridge: 'br0' });
  file('10-c.conflist', list('c', 'ptp'));
  file('05-d.json', { cniVersion: '0.3.1', name: 'd', type: 'macvlan' });
  file('01-readme.txt', 'not for us');
  file('.10-hidden.conflist', list('hidden', 'ptp'));
  assert.deepEqual(await names(), ['d', 'c', 'b']);
  const { networks } = await readNetworks(directory);
  assert.deepEqual(
    networks[2]?.plugins.map(({ type, fields }) => [type, fields['bridge']]),
    [['bridge', 'br0']],
  );
});

test('readNetworks adds the plugins of the files beside a list, unless it wants none', async () => {
  mkdirSync(join(directory, 'pods'));
  mkdirSync(join(directory, 'closed'));
  file('10-pods.conflist', list('pods', 'bridge'));
  file('20-closed.conflist', { ...list('closed', 'ptp'), loadOnlyInlinedPlugins: true });
  file('30-single.conf', { cniVersion: '1.0.0', name: 'single', type: 'macvlan' });
  file('pods/20-mesh.conf', { type: 'mesh', capabilities: { portMappings: true } });
  file('pods/10-tuning.conf', { type: 'tuning', mtu: 1400 });
  file('pods/readme.txt', 'not for us');
  file('closed/10-mesh.conf', { type: 'mesh' });
  const { networks, broken } = await readNetworks(directory);
  const types = networks.map(({ plugins }) => plugins.map(({ type }) => type));
  assert.deepEqual(types, [['bridge', 'tuning', 'mesh'], ['ptp'], ['macvlan']]);
  assert.deepEqual(broken, []);
  const again = parseNetwork(networks[0]?.text ?? '');
  assert.deepEqual(again, networks[0], 'the text by which a pod is released has them too');
});

test('readNetworks takes a list whose plugins are all in files, and names one that is broken', async () => {
  file('10-pods.conflist', { cniVersion: '1.1.0', name: 'pods' });
  mkdirSync(join(directory, 'pods'));
  file('pods/10-first.conf', { type: 'first' });
  assert.deepEqual(await names(), ['pods']);
  file('pods/20-torn.conf', '{"type":');
  const { networks, broken } = await readNetworks(directory);
  assert.deepEqual(networks, []);
  assert.deepEqual(broken, [{ file: '10-pods.conflist', message: 'pods/20-torn.conf is not a JSON object' }]);
  rmSync(join(directory, 'pods/20-torn.conf'));
  for (const [target, why] of [
    ['nowhere', 'ENOENT'],
    ['/dev/null', 'not a regular file'],
  ] as const) {
    symlinkSync(target, join(directory, 'pods/30-link.conf'));
    const message = `pods/30-link.conf cannot be read: ${why}`;
    assert.deepEqual((await readNetworks(directory)).broken, [{ file: '10-pods.conflist', message }]);
    rmSync(join(directory, 'pods/30-link.conf'));
  }
});

test('readNetworks passes over loopback and the second network of one name', async () => {
  file('00-lo.conf', { cniVersion: '1.0.0', name: 'lo', type: 'loopback' });
  file('10-a.conflist', list('pods', 'first'));
  file('20-a.conflist', list('pods', 'second'));
  file('99-loopback.conflist', list('cni-loopback', 'loopback'));
  const { networks, broken } = await readNetworks(directory);
  assert.deepEqual(
    networks.map(({ plugins }) => plugins[0]?.type),
    ['first'],
  );
  assert.deepEqual(broken, []);
});

test('readNetworks reports broken files and hides no other', async () => {
  file('10-torn.conflist', '{"cniVersion":');
  file('11-empty.conf', '');
  file('12-large.conf', `${JSON.stringify(list('large', 'x'))}${' '.repeat(1024 * 1024)}`);
  mkdirSync(join(directory, '13-directory.conf'));
  execFileSync('/usr/bin/mkfifo', [join(directory, '14-fifo.conf')]);
  symlinkSync('/nowhere', join(directory, '15-dangling.conf'));
  file('90-good.conflist', list('good', 'bridge'));
  const { networks, broken } = await readNetworks(directory);
  assert.deepEqual(
    networks.map(({ name }) => name),
    ['good'],
  );
  assert.deepEqual(
    broken.map(({ file: name, message }) => [name, message.split(':')[0]]),
    [
      ['10-torn.conflist', 'not JSON'],
      ['11-empty.conf', 'not JSON'],
      ['12-large.conf', 'larger than 1048576 bytes'],
      ['13-directory.conf', 'not a regular file'],
      ['14-fifo.conf', 'not a regular file'],
    ],
  );
});

test('readNetworks of a missing directory is empty', async () => {
  assert.deepEqual(await readNetworks(join(directory, 'none')), { networks: [], broken: [] });
});

test('parseNetwork says what is wrong', () => {
  const cases: [unknown, RegExp][] = [
    [[], /the configuration is not a JSON object/],
    [{ type: 'bridge' }, /"name" must be/],
    [{ name: '../x', type: 'bridge' }, /"name" must be .* \(is "\.\.\/x"\)/],
    [{ name: 'a' }, /plugin 1: "type" must be the name of a binary \(is undefined\)/],
    [{ name: 'a', plugins: [] }, /at least one plugin/],
    [{ name: 'a', plugins: 'bridge' }, /at least one plugin/],
    [{ name: 'a', plugins: [{ type: 'ok' }, 7] }, /plugin 2 is not a JSON object/],
    [{ name: 'a', plugins: [{ type: '../../bin/sh' }] }, /plugin 1: "type" must be the name/],
    [{ name: 'a', plugins: [{ type: '..' }] }, /plugin 1: "type" must be the name/],
    [{ name: 'a', plugins: [{ type: 'x', capabilities: [] }] }, /"capabilities" of plugin "x"/],
    [{ name: 'a', type: 'x', cniVersion: '2.0.0' }, /"cniVersion" "2\.0\.0" is not known/],
  ];
  for (const [content, message] of cases)
    assert.throws(() => parseNetwork(JSON.stringify(content)), { message }, String(message));
});

test('parseNetwork takes the newest common version, and the oldest without one', () => {
  const versionOf = (fields: object) =>
    parseNetwork(JSON.stringify({ name: 'a', type: 'x', ...fields })).cniVersion;
  assert.equal(versionOf({}), '0.1.0');
  assert.equal(versionOf({ cniVersion: '0.4.0' }), '0.4.0');
  assert.equal(versionOf({ cniVersion: '0.4.0', cniVersions: ['0.4.0', '1.1.0', '9.0.0'] }), '1.1.0');
  assert.equal(versionOf({ cniVersion: '9.0.0', cniVersions: ['9.0.0', '1.0.0'] }), '1.0.0');
});

test('parseNetwork keeps the names of wanted capabilities, disableCheck and disableGC in both forms', () => {
  const { plugins } = parseNetwork(
    JSON.stringify({ name: 'a', type: 'x', capabilities: { portMappings: true, bandwidth: false } }),
  );
  assert.deepEqual([...plugins[0]!.capabilities], ['portMappings']);
  for (const disableGC of [true, 'true'])
    assert.equal(parseNetwork(JSON.stringify({ name: 'a', type: 'x', disableGC })).disableGc, true);
  for (const disableCheck of [true, 'true'])
    assert.equal(parseNetwork(JSON.stringify({ name: 'a', type: 'x', disableCheck })).disableCheck, true);
});
