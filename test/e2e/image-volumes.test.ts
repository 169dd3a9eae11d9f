// Volumes made of images: what a container sees of them, and who may not remove them.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { Mount } from '../../internal/cri/gen/runtime/v1/Mount.ts';
import { busybox } from '../harness/daemon.ts';
import { runContainer, saidIn, useDaemon } from '../harness/daemon-suite.ts';
import { missing } from '../harness/requirements.ts';

for (const handler of ['runc', 'crun'] as const) {
  describe(`image volumes under ${handler}`, { skip: missing(handler) }, () => {
    const { daemon } = useDaemon({ handlers: [handler] });

    async function running(...mounts: Mount[]): Promise<string> {
      return (await runContainer(daemon, { container: { mounts } })).containerId;
    }

    function volume(containerPath: string, imageSubPath = ''): Mount {
      return { containerPath, image: { image: busybox }, imageSubPath, readonly: true };
    }

    const output = (containerId: string, script: string) => saidIn(daemon, containerId, script);

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

    test('a file of the image can be mounted', async () => {
      const id = await running(volume('/account', 'etc/passwd'));
      assert.match(await output(id, 'cat /account; echo x >> /account'), /^root:x:0:0:/);
      assert.match(
        await output(id, 'echo x >> /account 2>&1 || grep " /account " /proc/self/mountinfo'),
        / \/account ro,/,
      );
    });

    test('the status names the image and what it was', async () => {
      const id = await running(volume('/whole'));
      const answer = await daemon.client.runtime('ContainerStatus', { containerId: id });
      const [mount] = answer.status?.mounts ?? [];
      const stored = await daemon.client.image('ImageStatus', { image: { image: busybox } });
      const expected = stored.image?.repoDigests[0] ?? stored.image?.id;
      assert.deepEqual(
        [mount?.containerPath, mount?.image?.image, mount?.image?.imageRef],
        ['/whole', busybox, expected],
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
        /ImageVolumeMountFailed: .*has no directory or file "no\/such"/,
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
