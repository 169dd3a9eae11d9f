import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CdiDeviceNode, CdiEdits } from '../cdi/cdi.ts';
import type { RuntimeHandler } from '../oci/oci-runtime.ts';
import { lookUpCdi } from './cdi-devices.ts';

const handler = { name: 'crun', features: {} } as RuntimeHandler;
const plain: CdiDeviceNode = {
  path: '/dev/in-container',
  hostPath: '/dev/null',
  type: undefined,
  major: undefined,
  minor: undefined,
  fileMode: undefined,
  permissions: '',
  uid: undefined,
  gid: undefined,
};
const empty: CdiEdits = {
  env: [],
  deviceNodes: [],
  netDevices: [],
  mounts: [],
  hooks: [],
  additionalGids: [],
  intelRdt: undefined,
};

async function nodeOf(wanted: Partial<CdiDeviceNode>) {
  const edits = { ...empty, deviceNodes: [{ ...plain, ...wanted }] };
  const cdi = { resolve: async () => edits };
  const { nodes } = await lookUpCdi(cdi, { cdiDevices: ['vendor.com/gpu=0'], annotations: {} }, handler);
  return nodes[0]?.node;
}

const path = '/dev/in-container';

test('a CDI node is as on the host where its file says nothing, its mode too', async (t) => {
  assert.deepEqual(await nodeOf({}), { path, type: 'c', major: 1, minor: 3, fileMode: 0o666 });
  const root = mkdtempSync('/tmp/cria-cdi-node-');
  t.after(() => rmSync(root, { recursive: true }));
  const hostPath = join(root, 'pipe');
  execFileSync('mkfifo', ['--mode=640', hostPath]);
  assert.deepEqual(await nodeOf({ hostPath }), { path, type: 'p', major: 0, minor: 0, fileMode: 0o640 });
  const whole = { type: 'c', major: 9, minor: 9 } as const;
  assert.deepEqual(await nodeOf({ ...whole, hostPath }), { path, ...whole, fileMode: 0o640 });
});

test('a type and a major number are enough for a CDI node that the host does not have', async () => {
  const given = { hostPath: '/dev/not-there', type: 'c', major: 195 } as const;
  assert.deepEqual(await nodeOf(given), { path, type: 'c', major: 195, minor: 0, fileMode: 0o666 });
  const pipe = { hostPath: '/dev/not-there', type: 'p' } as const;
  assert.deepEqual(await nodeOf(pipe), { path, type: 'p', major: 0, minor: 0, fileMode: 0o666 });
});

test('a CDI node that is not what its file says, or is not there, is refused', async () => {
  await assert.rejects(nodeOf({ type: 'b' }), {
    message: /"\/dev\/null" cannot be used \(it is of type c, not b\)/,
  });
  await assert.rejects(nodeOf({ hostPath: '/dev/not-there', type: 'c' }), {
    message: /cannot be used \(ENOENT\)/,
  });
});
