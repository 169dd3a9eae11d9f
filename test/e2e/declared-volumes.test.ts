// Volumes that an image declares, under each value of the option image_volumes. The image is hostile: its paths lead through links,
// out of its root file system and into a mount of the pod.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import type { TestDaemon } from '../harness/daemon.ts';
import { runContainer, useDaemon } from '../harness/daemon-suite.ts';
import { buildChangedBusybox } from '../harness/images.ts';
import { missing } from '../harness/requirements.ts';

const image = 'localhost/volumes:1';
const outside = 'cria-declared-volume';
const volumes = [
  '/data',
  '/var/lib/new/deep',
  `/climbing/${outside}`,
  '/pods/evil',
  '/link-to-pods/evil',
  '/',
  '/proc/x',
  '/sys/fs/cgroup',
  '/etc/passwd',
];

async function load(daemon: TestDaemon, name: string, declared: readonly string[]): Promise<void> {
  const layout = join(daemon.root, 'volumes-layout');
  const config = { User: 'www-data', Volumes: Object.fromEntries(declared.map((path) => [path, {}])) };
  buildChangedBusybox(layout, { name, config }, (rootfs) => {
    mkdirSync(join(rootfs, 'data'));
    writeFileSync(join(rootfs, 'data/of-image'), '');
    symlinkSync('../../../../../../../../../../var/tmp', join(rootfs, 'climbing'));
    symlinkSync('/pods', join(rootfs, 'link-to-pods'));
  });
  await daemon.cria('image', 'load', '--name', name, layout);
  rmSync(layout, { recursive: true });
}

function useVolumes(handler: string, imageToml: string) {
  const { daemon } = useDaemon({ handlers: [handler], imageToml });
  const podVolume = join(daemon.root, 'pod-volume');
  const podMount = { containerPath: '/pods', hostPath: podVolume };
  before(async () => {
    mkdirSync(podVolume);
    await load(daemon, image, volumes);
  });

  async function running(more: Partial<ContainerConfig> = {}): Promise<string> {
    const mounts = [podMount];
    const { containerId } = await runContainer(daemon, {
      container: { image: { image }, command: ['/bin/sleep', '1000'], mounts, ...more },
    });
    // whatever becomes of the volumes, nothing is made on the host
    assert.deepEqual(readdirSync(podVolume), []);
    assert.equal(existsSync(`/var/tmp/${outside}`), false);
    return containerId;
  }

  async function shell(containerId: string, script: string): Promise<string> {
    const cmd = ['/bin/sh', '-c', script];
    const { stdout, stderr } = await daemon.client.runtime('ExecSync', { containerId, cmd });
    return stdout.toString() + stderr.toString();
  }

  return { daemon, podMount, running, shell };
}

const look = 'stat -c "%n %u:%g %a" /data /var/lib/new /var/lib/new/deep; ls /data';
const mounted = "cut -d' ' -f5 /proc/self/mountinfo | grep -E '^/(data|var|pods/|etc/passwd|proc/x)'";

describe('volumes of an image, as by default', { skip: missing('runc') }, () => {
  const { daemon, running, shell } = useVolumes('runc', '');

  test('are directories of the container’s user, where there are none', async () => {
    const id = await running();
    const made = '/var/lib/new 33:33 755\n/var/lib/new/deep 33:33 755\n';
    assert.equal(await shell(id, look), `/data 0:0 755\n${made}of-image\n`);
    assert.equal(await shell(id, 'touch /var/lib/new/deep/x && ls /var/lib/new/deep'), 'x\n');
    assert.equal(await shell(id, `ls -d /var/tmp/${outside}; ls /pods`), `/var/tmp/${outside}\n`);
    assert.equal(await shell(id, mounted), '');
  });

  test('that cannot be are refused, and nothing is left', async () => {
    const name = 'localhost/too-many-volumes:1';
    await load(
      daemon,
      name,
      Array.from({ length: 300 }, (_, at) => `/v${at}`),
    );
    await assert.rejects(running({ image: { image: name } }), {
      code: status.FAILED_PRECONDITION,
      details: 'the image declares 300 volumes, more than 256',
    });
  });
});

for (const handler of ['runc', 'crun'] as const) {
  describe(`volumes of an image, bound, under ${handler}`, { skip: missing(handler) }, () => {
    const { podMount, running, shell } = useVolumes(handler, 'image_volumes = "bind"');

    test('are empty directories of the container’s user, also in a read-only root', async () => {
      const securityContext = {
        namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const,
        readonlyRootfs: true,
      };
      const id = await running({ linux: { securityContext } });
      const found = await shell(id, `${look}; touch /data/x && ls /data; touch /bin/x`);
      assert.match(found, /^\/data 33:33 755\n.*\n\/var\/lib\/new\/deep 33:33 755\nx\n/);
      assert.match(found, /touch: \/bin\/x: Read-only file system/);
      assert.equal(await shell(id, mounted), `/data\n/var/tmp/${outside}\n/var/lib/new/deep\n`);
    });

    test('give way to a mount of the pod', async () => {
      const hostPath = '/usr/share';
      const mounts = [podMount, { containerPath: '/data', hostPath, readonly: true }];
      assert.equal(
        await shell(await running({ mounts }), `${mounted}; ls -d /data/doc`),
        `/var/tmp/${outside}\n/var/lib/new/deep\n/data\n/data/doc\n`,
      );
    });
  });
}

describe('volumes of an image, ignored', { skip: missing('runc') }, () => {
  const { running, shell } = useVolumes('runc', 'image_volumes = "ignore"');

  test('are what the image has there, or nothing', async () => {
    const id = await running();
    assert.equal(await shell(id, `ls /data; ls /var; ${mounted}`), 'of-image\n');
  });
});
