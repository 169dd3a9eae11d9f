// Terminals, attachments, logs and ports of containers under gVisor, whose streams are its kernel's.

import assert from 'node:assert/strict';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ChannelClient } from '../harness/channel-client.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { Person } from '../harness/person.ts';
import { pipeThrough } from '../harness/piped-command.ts';
import { readContainerLog, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { StreamWorld } from '../harness/stream-world.ts';
import { until } from '../harness/until.ts';
import { gvisorHandler } from './gvisor-handler.ts';

describe('streams under gVisor', { skip: missing('runc', 'runsc', 'crictl') }, () => {
  const world = new StreamWorld(new TestDaemon({ handlers: [], moreHandlers: [gvisorHandler] }));

  before(() => world.start());
  after(() => world.daemon.destroy());

  async function attach(containerId: string, tty: boolean): Promise<ChannelClient> {
    const request = { containerId, tty, stdin: true, stdout: true, stderr: !tty };
    const { url } = await world.daemon.client.runtime('Attach', request);
    return ChannelClient.connect(url, 'v5.channel.k8s.io');
  }

  test('exec at a terminal: keys, Ctrl-C, the size and the exit code', async () => {
    const person = new Person(world.crictl.argv('exec', '-it', world.containerId, 'sh'));
    try {
      await person.sees(/\/ # /);
      await person.seesFirstSize();
      await person.interruptsAndResizes();
      person.type('exit 7\r');
      await person.sees(/exit code:? 7\b/);
    } finally {
      person.hangUp();
    }
  });

  test('Ctrl-C reaches the command of an exec that no shell has started', async () => {
    const script = 'trap "echo interrupted; exit 5" INT; echo be""gun; while :; do sleep 0.1; done';
    const person = new Person(world.crictl.argv('exec', '-it', world.containerId, 'sh', '-c', script));
    try {
      await person.sees(/begun/);
      person.type('\u0003');
      await person.sees(/exit code:? 5\b/);
    } finally {
      person.hangUp();
    }
  });

  test('4 MiB through an exec, both ways, whole', async () => {
    const bytes = 4 << 20;
    const passed = await pipeThrough(world.crictl.argv('exec', '-i', world.containerId, 'cat'), bytes);
    assert.equal(passed.exitCode, 0, passed.stderr);
    assert.deepEqual(passed.received, passed.sent);
  });

  test('stdin once: everything arrives, and its end ends the container', async () => {
    const containerId = await world.interactive('once', ['sh', '-c', 'wc -c; exit 5'], { stdinOnce: true });
    const attached = await attach(containerId, false);
    attached.send(0, Buffer.alloc(300_000, 'x'));
    attached.endChannel(0);
    await attached.until(() => attached.text(1) === '300000\n', 'the count of what arrived');
    assert.equal(await waitForExit(world.daemon.client, containerId), 5);
  });

  test('ReopenContainerLog: the container goes on in a new file', async () => {
    const name = 'rotated';
    const containerId = await world.container(name, ['sh', '-c', 'while :; do echo line; sleep 0.05; done']);
    const path = join(world.pod.logDirectory, `${name}.log`);
    renameSync(path, `${path}.old`);
    await world.daemon.client.runtime('ReopenContainerLog', { containerId });
    assert.ok(existsSync(path));
    for (let left = 600; readContainerLog(world.pod, name).length < 3; left--) {
      assert.notEqual(left, 0, 'nothing comes to the new file');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await world.daemon.client.runtime('StopContainer', { containerId, timeout: 0 });
  });

  test('port-forward: to a server in the pod, and an error for a port at which nobody listens', async () => {
    // Which waits for its connection by poll(2): to a program that only reads, runsc may say EAGAIN on an accepted connection.
    const server = '{ echo from the pod; sleep 100000; } | nc -l -p 7070';
    await world.container('server', ['sh', '-c', server]);
    const script = 'until netstat -ltn | grep -q ":7070 "; do sleep 0.1; done';
    const cmd = ['sh', '-c', script];
    await world.daemon.client.runtime('ExecSync', { containerId: world.containerId, cmd, timeout: 30 });
    const forward = async (port: number): Promise<ChannelClient> => {
      const { url } = await world.daemon.client.runtime('PortForward', {
        podSandboxId: world.podId,
        port: [port],
      });
      const connection = await ChannelClient.connect(url, 'v4.channel.k8s.io');
      connection.send(0, 'to the pod\n');
      return connection;
    };
    const open = await forward(7070);
    await open.until(() => open.text(0).slice(2) === 'from the pod\n', 'the words of the server');
    await until('the server has heard', () =>
      readContainerLog(world.pod, 'server').some(({ text }) => text === 'to the pod'),
    );
    open.socket.close();
    const closed = await forward(7071);
    await closed.until(() => /refused|ECONNREFUSED/.test(closed.text(1)), 'the error');
    closed.socket.close();
  });
});
