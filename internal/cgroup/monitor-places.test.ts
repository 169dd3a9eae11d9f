import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from '../log/logger.ts';
import { silentLogger } from '../log/logger.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { CgroupfsPlaces, SystemdPlaces } from './monitor-places.ts';
import { scopeCall } from './systemd-scope.ts';

const id = 'a'.repeat(64);

test('scopeCall asks for a scope around the process that shuts down after the daemon', () => {
  const call = scopeCall({ name: 'crio-conmon-x.scope', slice: 'kubepods-pod1.slice' }, 42);
  const text = call.join(' ');
  assert.match(text, /StartTransientUnit ssa\(sv\)a\(sa\(sv\)\) crio-conmon-x\.scope fail 7 PIDs au 1 42 /);
  assert.match(text, / Slice s kubepods-pod1\.slice .* After as 1 crio\.service KillSignal i 13 .* 0$/);
});

test('SystemdPlaces takes the slice of the option or of the pod, and no place is no reason to fail', async () => {
  const calls: (readonly string[])[] = [];
  const warnings: string[] = [];
  const runner: CommandRunner = {
    run: async (argv) => {
      calls.push(argv);
      throw new Error('no such bus');
    },
  };
  const logger: Logger = { ...silentLogger, warn: (...words) => void warnings.push(String(words[1])) };
  const places = new SystemdPlaces('/usr/bin/busctl', runner, logger);
  for (const setting of ['pod', 'system.slice']) {
    const place = await places.make(setting, 'kubepods-pod1.slice', id);
    assert.deepEqual(place.cgroupDirs, []);
    await place.take?.(process.pid);
  }
  assert.deepEqual(
    calls.map((argv) => argv[argv.indexOf('Slice') + 2]),
    ['kubepods-pod1.slice', 'system.slice'],
  );
  assert.equal(warnings.length, 2);
  assert.equal((await places.make('', 'kubepods-pod1.slice', id)).take, undefined);
});

test('CgroupfsPlaces leaves a monitor with the daemon unless it is to be with its pod', async () => {
  const places = new CgroupfsPlaces([{ path: '/nowhere/memory', controllers: ['memory'] }]);
  assert.deepEqual(await places.make('', '/pod', id), { cgroupDirs: [], take: undefined });
  await places.remove('/pod', id);
});
