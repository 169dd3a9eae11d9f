// `kubectl debug`: an ephemeral container beside another, and a pod on the node.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Person } from '../harness/person.ts';
import { nodeName } from '../kubelet/kubelet-settings.ts';
import { image } from '../kubelet/manifests.ts';
import { container } from '../kubelet/pod.ts';
import type { ClusterWorld } from './cluster-world.ts';
import { Kubectl } from './kubectl.ts';
import { pod, shell } from './manifests.ts';

const name = 'debugged';
const target = shell('echo of the target > /mark; trap "exit 0" TERM; while :; do sleep 4711 & wait; done');
const options = [`--image=${image}`, '--image-pull-policy=IfNotPresent'];

export function testDebug(world: ClusterWorld): void {
  before(() => world.ready(pod(name, target)));

  for (const kubectl of [Kubectl.websocket, Kubectl.spdy]) {
    test(`${kubectl.title}: a debugger sees the processes and the files of its target`, async () => {
      const own = `debugger-${kubectl.title.toLowerCase()}`;
      const person = new Person(
        kubectl.argv('debug', name, '-it', '-c', own, '--target=main', ...options, '--', 'sh'),
      );
      try {
        await person.sees(/\/ # /);
        person.type('cat /proc/1/root/mark; ps | grep "sleep 47[1]1" && echo it is se""en\r');
        await person.sees(/\nof the target\r\n/);
        await person.sees(/\nit is seen\r/);
        person.type('exit 3\r');
        await person.exit;
      } finally {
        person.hangUp();
      }
      const ended = await world.api.podThat(
        name,
        'has a debugger that has ended',
        (now) => container(now, own)?.state.terminated !== undefined,
      );
      assert.equal(container(ended, own).state.terminated?.exitCode, 3);
      assert.equal(container(ended).restartCount, 0);
    });
  }

  test('a pod on the node sees its processes and files', async () => {
    const script = 'test -d /host/proc/self && tr "\\0" " " < /proc/1/cmdline && echo && echo of the node';
    const argv = ['debug', `node/${nodeName}`, '-i', '--quiet', '--profile=sysadmin', ...options];
    const out = await Kubectl.websocket.run(...argv, '--', 'sh', '-c', `sleep 1; ${script}`);
    assert.match(out, /of the node\n$/);
  });
}
