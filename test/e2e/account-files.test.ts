// The user of a container whom its image does not know: programs can look it up, and nothing is changed that the image or the pod
// has of its own there.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import { runContainer, useDaemon } from '../harness/daemon-suite.ts';
import { buildChangedBusybox } from '../harness/images.ts';
import { missing } from '../harness/requirements.ts';

const uid = 1_000_650_000;
const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;

for (const handler of ['runc', 'crun'] as const) {
  describe(`account files under ${handler}`, { skip: missing(handler) }, () => {
    const { daemon } = useDaemon({ handlers: [handler] });

    async function printed(script: string, more: Partial<ContainerConfig> = {}, user = uid): Promise<string> {
      const securityContext = {
        namespaceOptions,
        runAsUser: { value: user },
        ...more.linux?.securityContext,
      };
      const pod = `pod-${Math.random().toString(36).slice(2)}`;
      const request = { pod, container: { ...more, linux: { securityContext } } };
      const { containerId } = await runContainer(daemon, request);
      const cmd = ['/bin/sh', '-c', script];
      const { stdout, stderr } = await daemon.client.runtime('ExecSync', { containerId, cmd });
      return stdout.toString() + stderr.toString();
    }

    const mounted = "cut -d' ' -f5 /proc/self/mountinfo | grep -E '^/etc/(passwd|group)$'";

    test('have a line for a user and a group that the image does not know', async () => {
      const groups = { runAsGroup: { value: 77 } };
      const text = await printed(
        'id; whoami; tail -n 1 /etc/passwd; tail -n 1 /etc/group; stat -c "%u %a" /etc/passwd',
        {
          envs: [{ key: 'HOME', value: Buffer.from('/work') }],
          linux: { securityContext: groups },
        },
      );
      assert.equal(
        text,
        `uid=${uid}(${uid}) gid=77(77) groups=77(77)\n${uid}\n${uid}:x:${uid}:77:${uid} user:/work:/sbin/nologin\n77:x:77:\n0 644\n`,
      );
      assert.match(
        await printed(`${mounted}; grep ' /etc/passwd ro' /proc/self/mountinfo`, {
          linux: { securityContext: { readonlyRootfs: true } },
        }),
        /^\/etc\/passwd\n.* \/etc\/passwd ro,/,
      );
    });

    test('are the image’s for a user that it knows, and the pod’s where it mounts some', async () => {
      assert.equal(await printed(mounted, {}, 33), '');
      const own = join(daemon.root, 'passwd');
      writeFileSync(own, 'me:x:1:1::/:\n');
      const mounts = [{ containerPath: '/etc/passwd', hostPath: own }];
      assert.equal(await printed(`${mounted}; cat /etc/passwd`, { mounts }), '/etc/passwd\nme:x:1:1::/:\n');
      const home = [{ key: 'HOME', value: Buffer.from('relative') }];
      assert.equal(await printed(mounted, { envs: home }), '');
    });

    test('that are links into a volume make nothing in the volume', async () => {
      const layout = join(daemon.root, 'link-layout');
      const name = 'localhost/linked-passwd:1';
      buildChangedBusybox(layout, { name, config: {} }, (rootfs) => {
        mkdirSync(join(rootfs, 'data'));
        renameSync(join(rootfs, 'etc/passwd'), join(rootfs, 'data/passwd'));
        symlinkSync('/data/passwd', join(rootfs, 'etc/passwd'));
      });
      await daemon.cria('image', 'load', '--name', name, layout);
      rmSync(layout, { recursive: true });
      const hostPath = join(daemon.root, 'volume');
      mkdirSync(hostPath);
      const mounts = [{ containerPath: '/data', hostPath }];
      await printed('true', { image: { image: name }, mounts });
      assert.deepEqual(readdirSync(hostPath), []);
    });

    test('that others may write are left to the image', async () => {
      const layout = join(daemon.root, 'open-layout');
      const name = 'localhost/open-passwd:1';
      buildChangedBusybox(layout, { name, config: {} }, (rootfs) =>
        chmodSync(join(rootfs, 'etc/passwd'), 0o664),
      );
      await daemon.cria('image', 'load', '--name', name, layout);
      rmSync(layout, { recursive: true });
      assert.equal(await printed(mounted, { image: { image: name } }), '');
    });
  });
}
