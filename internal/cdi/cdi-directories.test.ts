import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLogger } from '../log/logger.ts';
import { CdiDirectories } from './cdi-directories.ts';

let root: string;
let devices: CdiDirectories;

beforeEach(() => {
  root = mkdtempSync('/tmp/cria-cdi-');
  for (const name of ['low', 'high']) mkdirSync(join(root, name));
  devices = new CdiDirectories([join(root, 'low'), join(root, 'absent'), join(root, 'high')], silentLogger);
});
afterEach(() => rmSync(root, { recursive: true }));

function put(name: string, content: object | string): void {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  writeFileSync(join(root, name), text, { mode: 0o644 });
}

function file(kind: string, names: Readonly<Record<string, string>>, whole = 'WHOLE=1'): object {
  return {
    cdiVersion: '0.6.0',
    kind,
    containerEdits: { env: [whole] },
    devices: Object.entries(names).map(([name, env]) => ({ name, containerEdits: { env: [env] } })),
  };
}

test('the edits of a file come once, before those of its first device; the order is the request’s', async () => {
  put('low/a.json', file('vendor.com/gpu', { '0': 'GPU=0', '1': 'GPU=1' }));
  put('low/b.json', file('other.com/net', { eth: 'NET=eth' }, 'OTHER=1'));
  const { env } = await devices.resolve(['vendor.com/gpu=1', 'other.com/net=eth', 'vendor.com/gpu=0']);
  assert.deepEqual(env, ['WHOLE=1', 'GPU=1', 'OTHER=1', 'NET=eth', 'GPU=0']);
  assert.deepEqual((await devices.resolve([])).env, []);
});

test('a later directory wins, and what is written meanwhile counts', async () => {
  put('low/a.json', file('vendor.com/gpu', { '0': 'FROM=low' }));
  assert.deepEqual((await devices.resolve(['vendor.com/gpu=0'])).env, ['WHOLE=1', 'FROM=low']);
  put(
    'high/z.yaml',
    'cdiVersion: "0.5.0"\nkind: vendor.com/gpu\ndevices:\n- name: "0"\n  containerEdits:\n    env: [FROM=high]\n',
  );
  assert.deepEqual((await devices.resolve(['vendor.com/gpu=0'])).env, ['FROM=high']);
});

test('a device may be named by a number that YAML does not take for a text', async () => {
  const device = '{ name: 3, containerEdits: { env: [N=3] } }';
  put('low/a.yaml', `cdiVersion: 0.5.0\nkind: vendor.com/gpu\ndevices: [${device}]\n`);
  assert.deepEqual((await devices.resolve(['vendor.com/gpu=3'])).env, ['N=3']);
});

test('every name that cannot be resolved is told, with the files that were left out', async () => {
  put('low/a.json', file('vendor.com/gpu', { twice: 'A=1' }));
  put('low/b.json', file('vendor.com/gpu', { twice: 'A=2' }));
  put('low/broken.json', '{"cdiVersion":');
  const resolving = devices.resolve(['vendor.com/gpu=twice', 'vendor.com/gpu=9', 'no name']);
  await assert.rejects(resolving, (error: Error & { kind?: string }) => {
    assert.equal(error.kind, 'failed-precondition');
    assert.match(error.message, /^unresolvable CDI devices in /);
    assert.match(error.message, /"vendor\.com\/gpu=twice" is described by both .*a\.json and .*b\.json/);
    assert.match(error.message, /"vendor\.com\/gpu=9" is not described, "no name" is not of the form/);
    assert.match(error.message, /left out: .*broken\.json: it is neither JSON nor YAML: .*[^:\n]$/);
    return true;
  });
});

test('what the newest version of the specification has: interfaces, and classes with dots', async () => {
  const intelRdt = { schemata: ['L3:0=f'], enableMonitoring: true };
  const netDevices = [{ hostInterfaceName: 'ens5', name: 'net1' }];
  const devices11 = [
    { name: 'a', annotations: { of: 'vendor' }, containerEdits: { netDevices, intelRdt } },
    { name: 'b', containerEdits: {} },
  ];
  put('low/a.json', { cdiVersion: 'v1.1.0', kind: 'vendor.com/gpu.mig', devices: devices11 });
  const edits = await devices.resolve(['vendor.com/gpu.mig=a']);
  assert.deepEqual(edits.netDevices, netDevices);
  assert.deepEqual(edits.intelRdt?.schemata, ['L3:0=f']);
  assert.equal(edits.intelRdt?.enableMonitoring, true);
  assert.deepEqual((await devices.resolve(['vendor.com/gpu.mig=b'])).netDevices, []);
});

test('the mode of a node in YAML is octal, as the Go library reads it, and a node may be a pipe', async () => {
  const nodes = '[{path: /dev/x, type: p, fileMode: 0660}, {path: /dev/y, fileMode: 432}]';
  const edits = `containerEdits: {deviceNodes: ${nodes}}`;
  put('low/a.yaml', `cdiVersion: 0.6.0\nkind: vendor.com/gpu\ndevices:\n- name: "0"\n  ${edits}\n`);
  const { deviceNodes } = await devices.resolve(['vendor.com/gpu=0']);
  assert.deepEqual(
    deviceNodes.map(({ type, fileMode }) => [type, fileMode]),
    [
      ['p', 0o660],
      [undefined, 0o660],
    ],
  );
});

const device = { name: 'x', containerEdits: {} };
const good = { cdiVersion: '0.6.0', kind: 'vendor.com/gpu', devices: [device] };
for (const [name, content, reason] of [
  ['another version', { ...good, cdiVersion: '9.0.0' }, /cdiVersion "9.0.0" is not known/],
  ['a kind without a vendor', { ...good, kind: 'gpu' }, /kind "gpu" is not of the form/],
  ['no device', { ...good, devices: [] }, /describes no device/],
  [
    'a field that nobody knows',
    { ...good, containerEdits: { hook: [] } },
    /containerEdits\.hook is not known/,
  ],
  [
    'an interface that is none',
    { ...good, containerEdits: { netDevices: [{ hostInterfaceName: 'a/b', name: 'x' }] } },
    /netDevices\[0\]\.hostInterfaceName "a\/b" is not the name/,
  ],
  ['a device twice', { ...good, devices: [device, device] }, /device "x" is there twice/],
  ['a list that is none', { ...good, containerEdits: { env: 'A=1' } }, /containerEdits\.env is not a list/],
  [
    'an entry without a name',
    { ...good, containerEdits: { env: ['=1'] } },
    /containerEdits\.env has an entry/,
  ],
  [
    'an unknown hook',
    { ...good, containerEdits: { hooks: [{ hookName: 'later', path: '/x' }] } },
    /hooks\[0\]\.hookName "later"/,
  ],
  [
    'a relative hook',
    { ...good, containerEdits: { hooks: [{ hookName: 'poststop', path: 'x' }] } },
    /hooks\[0\]\.path "x" is not an absolute/,
  ],
  [
    'a number that is none',
    { ...good, containerEdits: { additionalGids: [-1] } },
    /additionalGids\[0\] is not a whole number/,
  ],
  [
    'a node type',
    { ...good, containerEdits: { deviceNodes: [{ path: '/dev/x', type: 'd' }] } },
    /deviceNodes\[0\]\.type "d"/,
  ],
] as const) {
  test(`a file is left out for ${name}`, async () => {
    put('low/a.json', content);
    await assert.rejects(devices.resolve(['vendor.com/gpu=x']), reason);
  });
}

test('a file that others may write is left out: its hooks would run as root', async () => {
  put('low/a.json', good);
  chmodSync(join(root, 'low/a.json'), 0o666);
  await assert.rejects(devices.resolve(['vendor.com/gpu=x']), /somebody else than root may write it/);
});
