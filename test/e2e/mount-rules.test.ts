// What a pod's mounts need of the host and of the image, and the read-only root of the node, under each runtime.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import { runContainer, useDaemon } from '../harness/daemon-suite.ts';
import { buildChangedBusybox } from '../harness/images.ts';
import { missing } from '../harness/requirements.ts';

for (const handler of ['runc', 'crun'] as const) {
  describe(`mounts under ${handler}`, { skip: missing(handler) }, () => {
    const { daemon } = useDaemon({ handlers: [handler], runtimeToml: 'read_only = true' });
    const [closed, open] = [join(daemon.root, 'private'), join(daemon.root, 'shared')];

    /** Each on a mount of its own while `use` runs. */
    async function withMounts(use: () => Promise<void>): Promise<void> {
      for (const directory of [closed, open]) {
        mkdirSync(directory);
        execFileSync('mount', ['--bind', directory, directory]);
      }
      try {
        execFileSync('mount', ['--make-private', closed]);
        execFileSync('mount', ['--make-shared', open]);
        await use();
      } finally {
        for (const directory of [closed, open]) execFileSync('umount', ['-l', directory]);
      }
    }

    async function running(container: Partial<ContainerConfig>): Promise<string> {
      return (await runContainer(daemon, { container })).containerId;
    }

    async function shell(containerId: string, script: string): Promise<string> {
      const cmd = ['/bin/sh', '-c', script];
      const { stdout, stderr } = await daemon.client.runtime('ExecSync', { containerId, cmd });
      return stdout.toString() + stderr.toString();
    }

    test('are propagated where the host’s are shared, and refused where they are not', async () => {
      await withMounts(async () => {
        const asked = ['PROPAGATION_BIDIRECTIONAL', 'PROPAGATION_HOST_TO_CONTAINER'] as const;
        const expected = [/ shared:\d+ /, / master:\d+ /];
        for (const [index, propagation] of asked.entries()) {
          const mount = { containerPath: '/v', hostPath: open, propagation };
          const taken = { pod: `open-${index}`, container: { mounts: [mount] } };
          const { containerId } = await runContainer(daemon, taken);
          assert.match(
            await shell(containerId, 'grep " /v " /proc/self/mountinfo'),
            expected[index] as RegExp,
          );
          const mounts = [{ ...mount, hostPath: closed }];
          await assert.rejects(runContainer(daemon, { pod: `closed-${index}`, container: { mounts } }), {
            code: status.FAILED_PRECONDITION,
            details: new RegExp(`"${closed}" is on the mount "${closed}", which is not shared`),
          });
        }
      });
    });

    test('with the read-only root of the node: /run, /tmp and /var/tmp are in memory, and nothing else can be written', async () => {
      const id = await running({});
      const script = 'touch /run/x /tmp/x /var/tmp/x && ls -d /run/x /tmp/x /var/tmp/x; touch /x /etc/x';
      assert.match(
        await shell(id, script),
        /^\/run\/x\n\/tmp\/x\n\/var\/tmp\/x\ntouch: \/x: Read-only.*\ntouch: \/etc\/x: Read-only/,
      );
      assert.equal(await shell(id, 'stat -c "%n %a" /run /var/tmp'), '/run 755\n/var/tmp 1777\n');
    });

    /** What is said to a container of an image with something else in the place of an account file. */
    async function refusesAccountFile(file: string, kind: string, nodeArguments: string[]): Promise<void> {
      const layout = join(daemon.root, `${kind}-layout`);
      const name = `localhost/${kind}:1`;
      buildChangedBusybox(layout, { name, config: {} }, (rootfs) => {
        rmSync(join(rootfs, file), { force: true });
        execFileSync('mknod', [join(rootfs, file), ...nodeArguments]);
      });
      await daemon.cria('image', 'load', '--name', name, layout);
      await assert.rejects(running({ image: { image: name } }), {
        code: status.FAILED_PRECONDITION,
        details: `${file} of the image is a ${kind}`,
      });
    }

    test('an image whose account file is a pipe is refused at once', () =>
      refusesAccountFile('/etc/passwd', 'pipe', ['p']));

    test('an image whose account file is a device is refused at once', () =>
      refusesAccountFile('/etc/group', 'device', ['c', '1', '5']));

    test('an image with a link in the place of /dev, /proc or /sys is refused, and nothing is made where it leads', async () => {
      const ofHost = join(daemon.root, 'of-host');
      mkdirSync(ofHost);
      const climbing = `${'../'.repeat(20)}${ofHost}`;
      for (const [place, target] of Object.entries({ dev: ofHost, proc: climbing, sys: ofHost })) {
        const name = `localhost/linked-${place}:test`;
        const layout = join(daemon.root, `linked-${place}`);
        buildChangedBusybox(layout, { name, config: {} }, (rootfs) => {
          rmSync(join(rootfs, place), { recursive: true, force: true });
          symlinkSync(target, join(rootfs, place));
        });
        await daemon.cria('image', 'load', '--name', name, layout);
        const refused = { pod: `linked-${place}`, container: { image: { image: name } } };
        await assert.rejects(runContainer(daemon, refused), {
          code: status.FAILED_PRECONDITION,
          details: `/${place} of the image is a symbolic link`,
        });
        assert.deepEqual(readdirSync(ofHost), []);
      }
    });

    test('of /proc only a whole one of the host, and files that lxcfs makes, are volumes', async () => {
      const hostFile = join(daemon.root, 'uptime');
      writeFileSync(hostFile, 'made by hand\n');
      const mounts = [
        { containerPath: '/proc', hostPath: '/proc', readonly: true },
        { containerPath: '/proc/uptime', hostPath: hostFile, readonly: true },
        { containerPath: '/host/proc', hostPath: '/proc', readonly: true },
      ];
      const id = await running({ mounts });
      assert.equal(await shell(id, 'cat /proc/uptime; ls -d /host/proc/1'), 'made by hand\n/host/proc/1\n');
      for (const containerPath of ['/proc', '/proc/sys']) {
        const hostPath = join(daemon.root, 'not-made');
        const refused = { pod: 'refused', container: { mounts: [{ containerPath, hostPath }] } };
        await assert.rejects(runContainer(daemon, refused), {
          code: status.INVALID_ARGUMENT,
          details: new RegExp(`mount at "${containerPath}" is refused: `),
        });
        assert.ok(!existsSync(hostPath));
      }
    });
  });
}
