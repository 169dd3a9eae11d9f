// `kubectl attach` and `kubectl run`: the streams of a container itself.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Person } from '../harness/person.ts';
import { pipeThrough } from '../harness/piped-command.ts';
import { nodeName } from '../kubelet/kubelet-settings.ts';
import { image } from '../kubelet/manifests.ts';
import { container } from '../kubelet/pod.ts';
import type { ClusterWorld } from './cluster-world.ts';
import { allKubectls, Kubectl } from './kubectl.ts';
import { Listener } from './listener.ts';
import { pod, shell } from './manifests.ts';

/** Says each line of its input again. */
const echoing = pod('echoing', shell('while read line; do echo "got $line"; done', { stdin: true }));
const shelled = pod('shelled', shell('exec sh', { stdin: true, tty: true }));

export function testAttach(world: ClusterWorld): void {
  before(() => Promise.all([echoing, shelled].map((manifest) => world.ready(manifest))));

  for (const kubectl of allKubectls()) {
    test(`${kubectl.title}: two clients hear the container, each says something, and it outlives both`, async () => {
      const before = await world.traces();
      const clients = [1, 2].map(() => new Listener(kubectl.argv('attach', '-i', 'echoing')));
      try {
        // both are there when each has heard what it said itself
        for (const [index, { process }] of clients.entries()) process.stdin?.write(`hello ${index}\n`);
        for (const [index, client] of clients.entries()) await client.hears(`got hello ${index}\n`);
        clients[0]?.process.stdin?.write('for both\n');
        for (const client of clients) await client.hears('got for both\n');
      } finally {
        for (const client of clients) await client.kill();
      }
      await world.noTraces(before);
      const pod = await world.api.pod('echoing');
      assert.equal(pod && container(pod).restartCount, 0);
    });

    test(`${kubectl.title}: a terminal is left and found again`, async () => {
      for (const round of ['first', 'second']) {
        const person = new Person(kubectl.argv('attach', '-it', 'shelled'));
        try {
          person.type('\r');
          await person.sees(/\/ # /);
          person.resize(90, 30);
          person.type(`until [ "$(stty size)" = "30 90" ]; do sleep 0.05; done; echo ${round}"" time\r`);
          await person.sees(new RegExp(`\\n${round} time\\r`));
          person.resize(80, 24);
        } finally {
          person.hangUp();
        }
        await person.exit;
      }
      const pod = await world.api.pod('shelled');
      assert.equal(pod && container(pod).restartCount, 0);
    });
  }

  const overrides = (fields: object): string =>
    `--overrides=${JSON.stringify({ spec: { nodeName, automountServiceAccountToken: false, ...fields } })}`;
  const run = (...args: readonly string[]): string[] => [
    ...['run', `--image=${image}`, '--image-pull-policy=IfNotPresent', '--restart=Never', overrides({})],
    ...args,
  ];

  for (const kubectl of [Kubectl.websocket, Kubectl.spdy]) {
    test(`${kubectl.title}: kubectl run takes all of the input, tells all of the output and the code, and removes the pod`, async () => {
      const name = `once-${kubectl.title.toLowerCase()}`;
      const script = 'cat; exit 5';
      const argv = kubectl.argv(...run('-i', '--rm', '--quiet', name, '--', 'sh', '-c', script));
      const passed = await pipeThrough(argv, 8 << 20);
      assert.deepEqual(passed.received, passed.sent, passed.stderr);
      assert.equal(passed.exitCode, 5, passed.stderr);
      await world.api.podGone(name);
    });
  }
}
