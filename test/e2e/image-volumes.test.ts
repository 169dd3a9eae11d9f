// Volumes made of images: what a container sees of them, and who may not remove them.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { Mount } from '../../internal/cri/gen/runtime/v1/Mount.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { podConfig, removeAllPods } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { assertWorld, type World, worldSnapshot } from '../harness/world.ts';

const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;

for (const handler of ['runc', 'crun'] as const) {
  describe(`image volumes under ${handler}`, { skip: missing(handler) }, () => {
    const daemon = new TestDaemon({ handlers: [handler] });
    let image = '';
    let empty: World;

    before(async () => {
      image = await daemon.loadBusybox();
      await daemon.start();
      empty = worldSnapshot(daemon);
    });

    after(() => daemon.destroy());
    afterEach(async () => {
      await removeAllPods(daemon.client);
      await assertWorld(daemon, empty);
    });

    async function running(...mounts: Mount[]): Promise<string> {
      const plain = podConfig(daemon.pod('pod'));
      const sandboxConfig = { ...plain, linux: { ...plain.linux, securityContext: { namespaceOptions } } };
      const { client } = daemon;
      const { podSandboxId } = await client.runtime('RunPodSandbox', { config: sandboxConfig });
      const config = {
        metadata: { name: 'main' },
        image: { image },
        command: ['sleep', '1000'],
        mounts,
        linux: { securityContext: { namespaceOptions } },
      };
      const { containerId } = await client.runtime('CreateContainer', {
        podSandboxId,
        config,
        sandboxConfig,
      });
      await client.runtime('StartContainer', { containerId });
      return containerId;
    }

    function volume(containerPath: string, imageSubPath = ''): Mount {
      return { containerPath, image: { image }, imageSubPath, readonly: true };
    }

    async function output(containerId: string, script: string): Promise<string> {
      const cmd = ['/bin/sh', '-c', script];
      return (await daemon.client.runtime('ExecSync', { containerId, cmd })).stdout.toString();
    }

    test('the image is there, whole or a part of it, cannot be written, and its programs run', async () => {
      const id = await running(volume('/whole'), volume('/part', 'bin'));
      assert.equal(
        await output(id, 'ls /whole/bin/busybox /part/busybox'),
        '/part/busybox\n/whole/bin/busybox\n',
      );
      assert.equal(await output(id, '/part/busybox echo runs'), 'runs\n');
      assert.match(
        await output(id, 'touch /whole/x 2>&1; touch /part/x 2>&1'),
        /(touch: .*Read-only.*\n){2}/,
      );
    });

    test('the status names the image and what it was', async () => {
      const id = await running(volume('/whole'));
      const answer = await daemon.client.runtime('ContainerStatus', { containerId: id });
      const [mount] = answer.status?.mounts ?? [];
      const stored = await daemon.client.image('ImageStatus', { image: { image } });
      const expected = stored.image?.repoDigests[0] ?? stored.image?.id;
      assert.deepEqual(
        [mount?.containerPath, mount?.image?.image, mount?.image?.imageRef],
        ['/whole', image, expected],
      );
    });

    test('a daemon that was killed leaves the volume where it is', async () => {
      const id = await running(volume('/whole'));
      await daemon.kill();
      await daemon.start();
      assert.equal(await output(id, 'ls /whole/bin/busybox'), '/whole/bin/busybox\n');
    });

    for (const [name, mount, details] of [
      [
        'an image that is not there',
        { containerPath: '/v', image: { image: 'localhost/none:1' }, readonly: true },
        /ImageVolumeMountFailed: mount at "\/v" of image "localhost\/none:1": .*pull it first/,
      ],
      [
        'a sub path that is not there',
        { sub: 'no/such' },
        /ImageVolumeMountFailed: .*has no directory "no\/such"/,
      ],
      [
        'a sub path that climbs',
        { sub: '../bin' },
        /ImageVolumeMountFailed: .*"\.\.\/bin" is absolute or climbs/,
      ],
      ['a volume to write', { write: true }, /a volume made of an image is read-only/],
    ] as const) {
      test(`${name} is refused, and nothing is left`, async () => {
        const request: Mount =
          'image' in mount
            ? mount
            : { ...volume('/v', 'sub' in mount ? mount.sub : ''), readonly: !('write' in mount) };
        await assert.rejects(running(request), (error: { code: number; details: string }) => {
          assert.ok([status.FAILED_PRECONDITION, status.INVALID_ARGUMENT].includes(error.code));
          assert.match(error.details, details);
          return true;
        });
      });
    }
  });
}
