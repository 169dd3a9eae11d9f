import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { attachmentsOfOthers } from './attachments-of-others.ts';

const directory = mkdtempSync(join(tmpdir(), 'cni-others-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function note(name: string, content: object | string): void {
  writeFileSync(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content));
}

test('the attachments of one network are told from those of others', async () => {
  const [containerId, ifName] = ['c1', 'eth0'];
  note('pods-c1-eth0', { kind: 'cniCacheV1', networkName: 'pods', containerId, ifName });
  note('pods-b-c1-eth0', { kind: 'cniCacheV1', networkName: 'pods-b', containerId: 'c2', ifName });
  note('other-c3-eth0', 'torn');
  mkdirSync(join(directory, 'folder'));
  assert.deepEqual(await attachmentsOfOthers('pods', directory), [{ containerID: 'c1', ifname: 'eth0' }]);
  assert.deepEqual(await attachmentsOfOthers('pods', join(directory, 'none')), []);
});

test('a file that may be about the network and cannot be understood is named', async () => {
  for (const content of ['', '{"cniVer', { cniVersion: '0.2.0', ip4: {} }]) {
    note('mine-c4-eth0', content);
    await assert.rejects(attachmentsOfOthers('mine', directory), /mine-c4-eth0 does not tell the attachment/);
  }
});
