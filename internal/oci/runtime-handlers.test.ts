import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentLogger } from '../log/logger.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { type ChangingHandlers, type HandlersSettings, openRuntimeHandlers } from './runtime-handlers.ts';

const root = mkdtempSync(join(tmpdir(), 'runtime-handlers-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** As a program that cannot even tell its version. */
const broken: CommandRunner = { run: () => Promise.reject(new Error('exec format error')) };

function program(name: string): string {
  const path = join(root, name);
  writeFileSync(path, '', { mode: 0o755 });
  return path;
}

function settingsWith(path: string, name = 'main'): HandlersSettings {
  const handler = {
    name,
    path,
    root: '/run/main',
    args: [],
    monitorEnv: [],
    platformPaths: {},
    minMemoryBytes: 0,
    createTimeoutMs: 1000,
    monitorCgroup: '',
    privilegedWithoutHostDevices: false,
    execCpuAffinity: '',
    execMonitorInContainer: false,
    allowedAnnotations: [],
    defaultAnnotations: {},
    seccompProfile: undefined,
  } as const;
  return { handlers: [handler], defaultName: name, systemdCgroup: false };
}

function handlersWith(path: string): Promise<ChangingHandlers> {
  return openRuntimeHandlers(settingsWith(path), broken, silentLogger);
}

test('what exists stays with the program that has made it, until that is there no more', async () => {
  const [old, now] = [program('crun'), program('runc')];
  const { recorded } = (await handlersWith(old)).get('main');
  const handlers = await handlersWith(now);
  assert.equal(handlers.get('main').runtime.path, now);
  assert.equal(handlers.of('main', recorded).runtime.path, old);
  rmSync(old);
  assert.equal(handlers.of('main', recorded).runtime.path, now);
});

test('other handlers are there when they are applied; what exists stays with what has made it', async () => {
  const [before, after] = [program('one'), program('two')];
  const handlers = await handlersWith(before);
  const { recorded } = handlers.get('main');
  const apply = await handlers.prepare(settingsWith(after, 'other'));
  assert.deepEqual([handlers.defaultName, handlers.get('').runtime.path], ['main', before]);
  apply();
  assert.deepEqual([handlers.defaultName, handlers.get('').runtime.path], ['other', after]);
  assert.throws(() => handlers.get('main'), /"main" is not configured \(there are: other\)/);
  assert.equal(handlers.of('main', recorded).runtime.path, before);
});
