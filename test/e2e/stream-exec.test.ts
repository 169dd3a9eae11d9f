// Exec as people and the kubelet do it: crictl over both transports, against a real container.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '../harness/daemon.ts';
import { missing } from '../harness/requirements.ts';
import { StreamWorld } from '../harness/stream-world.ts';

describe('exec with crictl', { skip: missing('runc', 'crictl') }, () => {
  const world = new StreamWorld(new TestDaemon());

  before(() => world.start());
  after(() => world.daemon.destroy());

  for (const transport of ['spdy', 'websocket']) {
    describe(transport, () => {
      const exec = (...args: readonly string[]) =>
        world.crictl.attempt('exec', '-r', transport, world.containerId, ...args);

      test('output, errors apart', async () => {
        const { exitCode, stdout, stderr } = await exec('sh', '-c', 'echo out; echo err >&2');
        assert.deepEqual({ exitCode, stdout }, { exitCode: 0, stdout: 'out\n' });
        assert.match(stderr, /^err$/m);
      });

      test('exit codes and signals', async () => {
        for (const [script, code] of [
          ['exit 1', 1],
          ['exit 42', 42],
          ['exit 255', 255],
          ['kill -TERM $$', 143],
          ['kill -KILL $$', 137],
        ] as const) {
          const { stderr } = await exec('sh', '-c', script);
          assert.match(stderr, new RegExp(`non-zero exit code: ${code}\\b|exit code ${code}\\b`), script);
        }
      });

      test('a program that is not there', async () => {
        const { exitCode, stderr } = await exec('/no/such/program');
        assert.equal(exitCode, 1);
        assert.match(stderr, /no such file or directory/);
      });
    });
  }
});
