import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Logger } from '../log/logger.ts';
import { silentLogger } from '../log/logger.ts';
import { openSELinux } from './kernel-selinux.ts';

const contexts = 'process = "u:r:container_t:s0"\nfile = "u:object_r:container_file_t:s0"\n';

/** A machine's files as a kernel with SELinux on has them, but for what `files` says. */
function machine(t: TestContext, files: Readonly<Record<string, string>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), 'cria-selinux-'));
  t.after(() => rmSync(root, { recursive: true }));
  const all: Record<string, string> = {
    'sys/fs/selinux/enforce': '1',
    'sys/fs/selinux/context': '',
    'proc/self/attr/current': 'system_u:system_r:container_runtime_t:s0\0',
    'etc/selinux/config': '# which\nSELINUX=enforcing\nSELINUXTYPE=mls\n',
    'etc/selinux/mls/contexts/lxc_contexts': contexts,
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

async function open(root: string, isWanted = true) {
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_, message) => warnings.push(message) };
  return { selinux: await openSELinux({ isWanted, logger, root }), warnings };
}

test('pods have levels of their own, and what they ask for', async (t) => {
  const root = machine(t);
  const { selinux } = await open(root);
  const first = await selinux.podLabels('1', undefined, []);
  assert.match(first.process, /^u:r:container_t:s0:c\d+,c\d+$/);
  assert.equal(first.mount, first.process.replace('r:container_t', 'object_r:container_file_t'));
  const second = await selinux.podLabels('2', undefined, [first]);
  assert.notEqual(second.mount, first.mount);
  const options = { user: '', role: '', type: '', level: 's0:c7' };
  const asked = await selinux.podLabels('3', options, []);
  assert.equal(asked.mount, 'u:object_r:container_file_t:s0:c7');
  assert.ok(readFileSync(join(root, 'sys/fs/selinux/context'), 'utf8').startsWith(`${asked.mount}\0`));
  assert.equal(
    (await selinux.containerLabels(first, { ...options, level: '', type: 'x_t' })).mount,
    first.mount,
  );
  await assert.rejects(selinux.podLabels('4', { ...options, level: 's0,c4,c5' }, []), {
    kind: 'invalid-argument',
  });
  // A pod that was made while SELinux was off.
  const none = { process: '', mount: '' };
  assert.deepEqual(await selinux.containerLabels(none, options), none);
});

test('without SELinux, its policy or the policy’s containers there are no labels, and a warning', async (t) => {
  const none = { process: '', mount: '' };
  const cases: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ 'sys/fs/selinux/enforce': '' }, /has SELinux off/],
    [{ 'proc/self/attr/current': 'kernel\0' }, /has SELinux off/],
    [{ 'etc/selinux/mls/contexts/lxc_contexts': '' }, /install container-selinux/],
  ];
  for (const [files, expected] of cases) {
    const { selinux, warnings } = await open(machine(t, files));
    assert.match(warnings.join(), expected);
    assert.deepEqual(await selinux.podLabels('1', undefined, []), none);
    await selinux.relabel({ path: '/', label: '' });
  }
  const { selinux, warnings } = await open(machine(t), false);
  assert.deepEqual([await selinux.podLabels('1', undefined, []), warnings], [none, []]);
});
