// Pods as the API server changes them while they run, and as it ends them.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Forwarder } from '../harness/forwarder.ts';
import { startPiped } from '../harness/piped-command.ts';
import { nodeName } from '../kubelet/kubelet-settings.ts';
import { graceful } from '../kubelet/manifests.ts';
import { container, idOf, type Pod } from '../kubelet/pod.ts';
import type { ClusterWorld } from './cluster-world.ts';
import { Kubectl } from './kubectl.ts';
import { pod, shell, waits } from './manifests.ts';

const kubectl = Kubectl.websocket;
const mebibyte = 1 << 20;

export function testPods(world: ClusterWorld): void {
  const { daemon } = world;

  /** A file of the cgroup of the container's init. */
  async function cgroupValue(found: Pod, controller: string, file: string): Promise<string> {
    const { info } = await daemon.client.runtime('ContainerStatus', {
      containerId: idOf(container(found)),
      verbose: true,
    });
    const { pid } = JSON.parse(info['info'] ?? '{}') as { pid: number };
    const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
    const line = lines.find((text) => text.split(':')[1]?.split(',').includes(controller));
    const [, mount = '', path = ''] = (line ?? lines[0] ?? '').split(':');
    return readFileSync(join('/sys/fs/cgroup', mount, path, file), 'utf8').trim();
  }

  const limitsOf = async (found: Pod): Promise<[string, string]> =>
    existsSync('/sys/fs/cgroup/cgroup.controllers')
      ? [await cgroupValue(found, '', 'cpu.max'), await cgroupValue(found, '', 'memory.max')]
      : [
          `${await cgroupValue(found, 'cpu', 'cpu.cfs_quota_us')} 100000`,
          await cgroupValue(found, 'memory', 'memory.limit_in_bytes'),
        ];

  test('a resize arrives in the cgroup and in the status, and the container works on', async () => {
    const both = (cpu: string, memory: string) => ({ limits: { cpu, memory }, requests: { cpu, memory } });
    const resized = pod('resized', shell(waits, { resources: both('200m', '64Mi') }));
    const before = await world.ready(resized);
    assert.deepEqual(await limitsOf(before), ['20000 100000', String(64 * mebibyte)]);
    for (const [cpu, mebibytes] of [
      [400, 96],
      [300, 80],
    ] as const) {
      const resources = both(`${cpu}m`, `${mebibytes}Mi`);
      const patch = { spec: { containers: [{ name: 'main', resources }] } };
      await kubectl.run(
        'patch',
        'pod',
        'resized',
        '--subresource=resize',
        `--patch=${JSON.stringify(patch)}`,
      );
      const now = await world.api.podThat('resized', `has ${JSON.stringify(resources)}`, (found) => {
        const shown = container(found).resources?.limits;
        return shown?.['cpu'] === `${cpu}m` && shown['memory'] === `${mebibytes}Mi`;
      });
      assert.deepEqual(await limitsOf(now), [`${cpu * 100} 100000`, String(mebibytes * mebibyte)]);
      assert.equal(container(now).restartCount, 0);
      assert.equal(container(now).containerID, container(before).containerID);
    }
  });

  test('a pod with users of its own', async () => {
    await world.ready(pod('mapped', shell(waits), { hostUsers: false }));
    const map = await kubectl.run('exec', 'mapped', '--', 'cat', '/proc/self/uid_map');
    const [inside, outside, count] = map.trim().split(/\s+/).map(Number);
    assert.deepEqual([inside, count], [0, 65_536]);
    assert.ok((outside ?? 0) >= 65_536, map);
    assert.equal(await kubectl.run('exec', 'mapped', '--', 'id', '-u'), '0\n');
  });

  test('a pod of another runtime class', async () => {
    const metadata = { name: 'second' };
    const runtimeClass = { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata, handler: 'second' };
    await world.create(runtimeClass);
    const found = await world.ready(pod('classed', shell(waits), { runtimeClassName: 'second' }));
    const { info } = await daemon.client.runtime('ContainerStatus', {
      containerId: idOf(container(found)),
      verbose: true,
    });
    assert.match(info['info'] ?? '', /"runtimeHandler":"second"|"second"/);
    assert.equal(await kubectl.run('exec', 'classed', '--', 'echo', 'here'), 'here\n');
  });

  test('a pod that is deleted has its hook run and ends by itself', async () => {
    const manifest = graceful(daemon.root);
    const spec = { ...manifest.spec, nodeName };
    await world.ready({ ...manifest, spec });
    await kubectl.run('delete', 'pod', 'graceful', '--wait=true');
    const notes = readFileSync(join(daemon.root, 'notes/stop'), 'utf8').trim().split('\n');
    assert.deepEqual(notes, ['told before', 'asked to end', 'ended by itself']);
  });

  test('a pod that does not listen is killed when its time is up, with all sessions in it', async () => {
    await world.ready(pod('deaf', shell('trap "" TERM; while :; do sleep 1; done')));
    const before = await world.traces();
    const forwarder = await Forwarder.start(kubectl.argv('port-forward', 'pod/deaf', ':80'));
    const child = startPiped(kubectl.argv('exec', 'deaf', '--', 'sleep', '100000'));
    const closed = new Promise((resolve) => child.once('close', resolve));
    await kubectl.run('delete', 'pod', 'deaf', '--grace-period=1');
    await closed;
    await forwarder.ended();
    await world.api.podGone('deaf');
    await world.noTraces(before);
  });
}
