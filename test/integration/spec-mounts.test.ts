// The mounts of the generated spec as real OCI runtimes take them, seen from inside the container.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { ContainerMount } from '../../internal/container/container-config.ts';
import { BundleRunner, reasonToSkip, runtimes } from '../fixtures/bundle-runner.ts';
import { plainDefaults, plainMount } from '../fixtures/spec-input.ts';

for (const runtime of runtimes) {
  describe(`a generated spec under ${runtime}`, { skip: reasonToSkip(runtime) }, () => {
    const runner = new BundleRunner(runtime);
    const { root } = runner;
    after(() => runner.close());

    test('masked and read-only paths, a read-only root, mounts and limits', async () => {
      mkdirSync(join(root, 'volume'), { recursive: true });
      const text = await runner.printed(
        runner.input(
          {
            mounts: [{ ...plainMount, hostPath: join(root, 'volume'), readonly: true }],
          },
          {
            maskedPaths: ['/proc/kcore', '/etc/masked', '/proc/scsi', '/proc/not-there'],
            readonlyPaths: ['/proc/sys'],
            readonlyRootfs: true,
          },
          // one that is unlimited everywhere: raising others can be forbidden to root too
          { defaults: { ...plainDefaults, ulimits: ['nofile=512:1024', 'locks=-1:-1'] } },
        ),
        [
          'cat /etc/masked',
          'touch /proc/sys/kernel/domainname 2>&1',
          'touch /data/x 2>&1',
          'touch /x 2>&1',
          'cat /etc/resolv.conf',
          'hostname',
          'grep -E "open files|file locks" /proc/self/limits',
        ].join('; '),
      );
      assert.equal(
        text.replace(/ +/g, ' '),
        [
          'touch: /proc/sys/kernel/domainname: Read-only file system',
          'touch: /data/x: Read-only file system',
          'touch: /x: Read-only file system',
          'nameserver 192.0.2.1',
          'pod-host',
          'Max open files 512 1024 files ',
          'Max file locks unlimited unlimited locks ',
          '',
        ].join('\n'),
      );
    });

    test('mounts below a mount: read-only, recursively read-only and propagated', async () => {
      const hostPath = join(root, 'tree');
      mkdirSync(join(hostPath, 'inner'), { recursive: true });
      mkdirSync(join(hostPath, 'made'), { recursive: true });
      const mount = (...args: readonly string[]) =>
        assert.equal(spawnSync('mount', args).status, 0, args.join(' '));
      mount('--bind', hostPath, hostPath);
      try {
        mount('--make-rshared', hostPath);
        mount('-t', 'tmpfs', 'none', join(hostPath, 'inner'));
        const touch = 'touch /data/x 2>&1; touch /data/inner/x 2>&1; echo done';
        const of = (part: Partial<ContainerMount>, script = touch) =>
          runner.printed(
            runner.input(
              { mounts: [{ ...plainMount, hostPath, ...part }] },
              { addCapabilities: ['SYS_ADMIN'] },
            ),
            script,
          );
        const refused = (path: string) => `touch: ${path}: Read-only file system\n`;
        assert.equal(await of({ readonly: true }), `${refused('/data/x')}done\n`);
        assert.equal(
          await of({ readonly: true, recursiveReadOnly: true }),
          `${refused('/data/x')}${refused('/data/inner/x')}done\n`,
        );
        const make = 'mount -t tmpfs made /data/made && echo made';
        const seen = () => readFileSync('/proc/self/mountinfo', 'utf8').includes(join(hostPath, 'made'));
        assert.deepEqual([await of({}, make), seen()], ['made\n', false]);
        assert.deepEqual([await of({ propagation: 'host-to-container' }, make), seen()], ['made\n', false]);
        assert.deepEqual([await of({ propagation: 'bidirectional' }, make), seen()], ['made\n', true]);
      } finally {
        spawnSync('umount', ['-R', hostPath]);
      }
    });
  });
}
