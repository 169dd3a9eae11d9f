// `kubectl logs`: of a container that writes on, of one before it, and of a part.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { container, type Pod } from '../kubelet/pod.ts';
import type { ClusterWorld } from './cluster-world.ts';
import { Kubectl } from './kubectl.ts';
import { Listener } from './listener.ts';
import { pod, shell, waits } from './manifests.ts';

const kubectl = Kubectl.websocket;
const bursts = 16;
const perBurst = 200;

// In bursts: lines that come while the kubelet moves the file aside are lost to its own reader.
const talks = `echo begin; until [ -e /go ]; do sleep 0.1; done; for burst in $(seq ${bursts}); do
  n=0; while [ $n -lt ${perBurst} ]; do n=$((n+1)); echo "burst $burst line $n"; done
  sleep 0.7
done`;
const talkative = pod('talkative', shell(talks), { restartPolicy: 'Never' });

const lives = `[ -e /kept/mark ] && { echo "second life"; ${waits}; }
touch /kept/mark; echo "first life"; echo "its last word" >&2; exit 3`;
const reborn = pod('reborn', shell(lives, { volumeMounts: [{ name: 'kept', mountPath: '/kept' }] }), {
  volumes: [{ name: 'kept', emptyDir: {} }],
});

// Two of them long before the others: times are told to kubectl in whole seconds.
const counts = `echo "line 1"; echo "line 2"; sleep 2.5; echo "line 3"; echo "line 4"; printf "no end"; touch /done; ${waits}`;
const readinessProbe = { exec: { command: ['test', '-e', '/done'] }, periodSeconds: 1 };
const lines = pod('lines', shell(counts, { readinessProbe }));

const isSecondLife = (found: Pod): boolean => {
  const { restartCount, state } = container(found) ?? {};
  return restartCount === 1 && state?.running !== undefined;
};

export function testLogs(world: ClusterWorld): void {
  before(async () => {
    await world.create(reborn);
    for (const manifest of [talkative, lines]) await world.ready(manifest);
  });

  test('followed from the first line to the end of the container, over rotations', async () => {
    const follower = new Listener(kubectl.argv('logs', '-f', 'talkative'));
    await follower.hears('begin\n');
    await kubectl.run('exec', 'talkative', '--', 'touch', '/go');
    assert.equal(await follower.ended, 0);
    const followed = follower.said.trimEnd().split('\n').slice(1);
    const expected = Array.from({ length: bursts * perBurst }, (_, index) => {
      const burst = Math.floor(index / perBurst) + 1;
      return `burst ${burst} line ${(index % perBurst) + 1}`;
    });
    assert.deepEqual(followed, expected);
    const uid = (await world.api.pod('talkative'))?.metadata.uid ?? '';
    const logs = join(world.kubelet.root, 'logs');
    const files = readdirSync(join(logs, `default_talkative_${uid}`, 'main'));
    assert.ok(files.length > 1, `the log was not rotated: ${files}`);
  });

  test('of the container before this one', async () => {
    await world.api.podThat('reborn', 'has started again', isSecondLife);
    assert.equal(await kubectl.run('logs', '--previous', 'reborn'), 'first life\nits last word\n');
    assert.equal(await kubectl.run('logs', 'reborn'), 'second life\n');
  });

  test('the last lines, those since a time, and only so many bytes', async () => {
    const all = (await kubectl.run('logs', '--timestamps', 'lines')).trimEnd().split('\n');
    const [, , third = ''] = all;
    const [time = '', ...words] = third.split(' ');
    assert.equal(words.join(' '), 'line 3');
    assert.equal(await kubectl.run('logs', '--tail=2', 'lines'), 'line 4\nno end');
    assert.match(await kubectl.run('logs', '--since=1h', 'lines'), /^line 1\n/);
    assert.match(await kubectl.run('logs', `--since-time=${time}`, 'lines'), /^line 3\nline 4\n/);
    assert.equal(await kubectl.run('logs', '--limit-bytes=6', 'lines'), 'line 1');
  });
}
