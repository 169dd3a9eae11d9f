import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KeyedLock } from '../async/keyed-lock.ts';
import { silentLogger } from '../log/logger.ts';
import { RecordStore } from '../records/record-store.ts';
import { recordSandboxStatus } from './record-sandbox-status.ts';
import { Sandbox, type SandboxRecord, type SandboxStatus } from './sandbox.ts';
import { sandboxPaths, statusFile } from './sandbox-files.ts';
import type { SandboxParts } from './sandbox-parts.ts';
import { checkNamespaces, watchInfra } from './sandbox-readiness.ts';

const ready: SandboxStatus = {
  state: 'ready',
  ips: ['10.0.0.2'],
  namespaces: { network: undefined, ipc: undefined, uts: undefined },
  infra: undefined,
  tornDown: false,
};

interface World {
  readonly parts: SandboxParts;
  readonly sandbox: Sandbox;
  readonly infraEnds: () => void;
  readonly errors: string[];
}

/** A ready sandbox in directories of its own, whose infra container ends when the test says so. */
function world(t: { after: (clean: () => void) => void }): World {
  const root = mkdtempSync(join(tmpdir(), 'cria-status-'));
  t.after(() => rmSync(root, { recursive: true }));
  const sandbox = new Sandbox({ id: 'ab12', name: 'k8s_pod' } as SandboxRecord, ready);
  const sandboxes = new RecordStore<Sandbox>('sandbox');
  sandboxes.add(sandbox);
  mkdirSync(join(root, 'run', sandbox.id), { recursive: true });
  const errors: string[] = [];
  const logger = { ...silentLogger, error: (_: object, text: string) => errors.push(text) };
  let tell: (id: string) => void = () => {};
  const monitors = {
    onExit: (listener: (id: string) => void) => {
      tell = listener;
    },
  };
  const directories = { data: join(root, 'data'), run: join(root, 'run') };
  const containers = { locks: new KeyedLock(), logger, monitors };
  const parts = { sandboxes, directories, containers } as unknown as SandboxParts;
  watchInfra(parts);
  return { parts, sandbox, infraEnds: () => tell(sandbox.id), errors };
}

test('what a stop records while the end of the infra container is being recorded stays', async (t) => {
  const { parts, sandbox, infraEnds, errors } = world(t);
  infraEnds();
  await recordSandboxStatus(parts, sandbox, { tornDown: true });
  const expected = { ...ready, state: 'not-ready', tornDown: true };
  assert.deepEqual(sandbox.status, expected);
  const { status } = sandboxPaths(parts.directories, sandbox.id);
  const { state, tornDown } = (await statusFile.read(status)) ?? ready;
  assert.deepEqual({ state, tornDown }, { state: 'not-ready', tornDown: true });
  assert.deepEqual(errors, []);
});

test('a sandbox that was removed meanwhile gets no status any more', async (t) => {
  const { parts, sandbox, infraEnds, errors } = world(t);
  const { runDirectory } = sandboxPaths(parts.directories, sandbox.id);
  const removed = parts.containers.locks.run(sandbox.id, async () => {
    rmSync(runDirectory, { recursive: true });
    parts.sandboxes.delete(sandbox);
  });
  infraEnds();
  await removed;
  await recordSandboxStatus(parts, sandbox, { tornDown: true });
  assert.deepEqual(errors, []);
  assert.deepEqual(readdirSync(parts.directories.run), []);
});

test('a sandbox is not ready without a namespace, but goes on with one that cannot be looked at', async (t) => {
  const { parts, sandbox } = world(t);
  const directory = parts.directories.run;
  const has = (ipc: string): void =>
    sandbox.setStatus({ ...ready, namespaces: { ...ready.namespaces, ipc } });
  has('/proc/self/ns/ipc');
  assert.equal(await checkNamespaces(parts, sandbox), undefined);
  symlinkSync('loop', join(directory, 'loop'));
  has(join(directory, 'loop')); // ELOOP stands for all that says nothing of the namespace
  assert.equal(await checkNamespaces(parts, sandbox), undefined);
  assert.equal(sandbox.status.state, 'ready');
  writeFileSync(join(directory, 'plain'), '');
  for (const gone of ['none', 'plain', 'plain/none']) {
    has(join(directory, gone));
    assert.equal(await checkNamespaces(parts, sandbox), 'ipc');
    assert.equal(sandbox.status.state, 'not-ready');
  }
});
