import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainMount } from '../../test/fixtures/spec-input.ts';
import type { ContainerMount } from './container-config.ts';
import { requireOwnProc } from './proc-mounts.ts';

async function refusal(containerPath: string, other: Partial<ContainerMount> = {}): Promise<string> {
  try {
    await requireOwnProc([plainMount, { ...plainMount, ...other, containerPath }]);
    return '';
  } catch (cause) {
    return (cause as Error).message;
  }
}

test('a volume at /proc is a proc file system, and nothing else', async () => {
  for (const path of ['/proc', '/proc/', '//proc', '/x/../proc/.'])
    assert.match(
      await refusal(path, { hostPath: '/' }),
      /is refused: nothing but a file system of the type proc/,
    );
  assert.match(await refusal('/proc', { hostPath: '/nowhere/at/all' }), /is refused/);
  assert.match(await refusal('/proc', { hostPath: '/proc', image: 'busybox' }), /is refused/);
  assert.equal(await refusal('/proc', { hostPath: '/proc' }), '');
});

test('below /proc only files that programs such as lxcfs make may be mounted', async () => {
  for (const path of ['/proc/cpuinfo', '/proc/net/dev', '/proc/x/../uptime'])
    assert.equal(await refusal(path), '', path);
  for (const path of ['/proc/sys', '/proc/1/attr', '/proc/x', '/proc/cpuinfo/x'])
    assert.match(
      await refusal(path),
      /^mount at ".*" is refused: it is below \/proc, where only .*\/proc\/cpuinfo/,
    );
});

test('other places are nobody’s business here', async () => {
  for (const path of ['/host/proc', '/procfs', '/host/proc/1', '/sys', '/sys/fs/cgroup', '/dev', '/'])
    assert.equal(await refusal(path, { hostPath: '/nowhere' }), '', path);
});
