// Attach with crictl and other clients, to containers with and without a terminal.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ChannelClient } from '../harness/channel-client.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { startPiped } from '../harness/piped-command.ts';
import { readContainerLog, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { StreamWorld } from '../harness/stream-world.ts';
import { until } from '../harness/until.ts';

describe('attach', { skip: missing('runc', 'crictl') }, () => {
  const world = new StreamWorld(new TestDaemon());

  before(() => world.start());
  after(() => world.daemon.destroy());

  interface Wanted {
    readonly stdin?: boolean;
    readonly stderr?: boolean;
    readonly tty?: boolean;
  }

  async function attach(containerId: string, wanted: Wanted = {}): Promise<ChannelClient> {
    const request = { containerId, stdin: true, stdout: true, stderr: true, tty: false, ...wanted };
    const { url } = await world.daemon.client.runtime('Attach', request);
    const client = await ChannelClient.connect(url, 'v5.channel.k8s.io');
    await client.until(() => client.order.length > 0, 'the first message');
    return client;
  }

  /** The first message says that the client is connected; what its container says reaches it a moment later. */
  async function hearsItself(client: ChannelClient, word: string): Promise<void> {
    client.send(0, `${word}\n`);
    await client.until(() => client.text(1).includes(word), 'its own words');
  }

  for (const transport of ['spdy', 'websocket']) {
    test(`crictl over ${transport} writes to a container whose stdin ends with it`, async () => {
      const command = ['sh', '-c', 'while read line; do echo "got $line"; done; echo bye >&2; exit 5'];
      const containerId = await world.interactive(`once-${transport}`, command, { stdinOnce: true });
      const client = startPiped(world.crictl.argv('attach', '-r', transport, '-i', containerId));
      const output: Buffer[] = [];
      const errors: Buffer[] = [];
      client.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
      client.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
      const ended = new Promise<number | null>((resolve) => client.once('close', resolve));
      client.stdin?.end('one\ntwo\n');
      assert.equal(await ended, 0, Buffer.concat(errors).toString());
      assert.equal(Buffer.concat(output).toString(), 'got one\ngot two\n');
      assert.match(Buffer.concat(errors).toString(), /^bye$/m);
      assert.equal(await waitForExit(world.daemon.client, containerId), 5);
    });
  }

  test('all clients hear everything; one that leaves is not missed', async () => {
    const containerId = await world.interactive('many', ['sh', '-c', 'while read l; do echo "got $l"; done']);
    const [one, two, three] = [
      await attach(containerId),
      await attach(containerId),
      await attach(containerId),
    ];
    await hearsItself(one, 'first');
    await hearsItself(two, 'second');
    await hearsItself(three, 'third');
    one.send(0, 'a\n');
    for (const client of [one, two, three])
      await client.until(() => client.text(1).endsWith('got third\ngot a\n'), 'the answer');
    one.socket.terminate();
    two.send(0, 'b\n');
    for (const client of [two, three])
      await client.until(() => client.text(1).endsWith('got third\ngot a\ngot b\n'), 'the answer');
    await world.daemon.client.runtime('StopContainer', { containerId, timeout: '0' });
    assert.deepEqual([await two.closed, await three.closed], [1000, 1000]);
    assert.equal(two.outcome.status, 'Success');
  });

  test('a terminal: one stream, its size as the client says', async () => {
    const command = ['sh', '-c', 'read l; stty size; read l; echo err >&2'];
    const containerId = await world.interactive('terminal', command, { tty: true });
    const client = await attach(containerId, { tty: true, stderr: false });
    client.send(4, '{"Width":132,"Height":43}');
    // The size is set by another message than the line: until it is there the line is not sent.
    const script =
      'for n in $(seq 300); do test "$(stty -F /proc/1/fd/0 size)" = "43 132" && exit; usleep 100000; done';
    const request = { containerId, cmd: ['sh', '-c', script], timeout: '60' };
    await world.daemon.client.runtime('ExecSync', request);
    client.send(0, 'x\r');
    await client.until(() => client.text(1).includes('43 132'), 'the size');
    client.send(0, 'y\r');
    await client.closed;
    assert.match(client.text(1), /err/);
    assert.equal(client.text(2), '');
  });

  test('a container without stdin: what is sent is dropped', async () => {
    const containerId = await world.container('deaf', [
      'sh',
      '-c',
      'trap "exit 0" USR1; echo ready; while :; do sleep 0.1; done',
    ]);
    const client = await attach(containerId);
    client.send(0, Buffer.alloc(1024 * 1024));
    client.endChannel(0);
    await until('the trap is set', () => readContainerLog(world.pod, 'deaf').length > 0);
    await world.daemon.client.runtime('ExecSync', {
      containerId,
      cmd: ['sh', '-c', 'kill -USR1 1'],
      timeout: 60,
    });
    await client.closed;
    assert.equal(client.outcome.status, 'Success');
  });

  test('a client that does not read is left behind, and told why when it reads again', async () => {
    const script = 'read l; head -c 67108864 /dev/zero; echo >/written; read l';
    const containerId = await world.interactive('ahead', ['sh', '-c', script]);
    const client = await attach(containerId);
    client.socket.pause();
    client.send(0, 'go\n');
    const waits = 'for n in $(seq 600); do test -e /written && exit; usleep 100000; done; exit 1';
    const request = { containerId, cmd: ['sh', '-c', waits], timeout: '90' };
    const { exitCode } = await world.daemon.client.runtime('ExecSync', request);
    assert.equal(exitCode, 0, 'the container is held up');
    client.socket.resume();
    assert.equal(await client.closed, 1000);
    assert.equal(client.outcome.reason, 'InternalError');
    assert.match(client.outcome.message ?? '', new RegExp(`container "${containerId}" .*reads too slowly`));
    const later = await attach(containerId);
    later.send(0, 'end\n');
    await later.closed;
    assert.equal(await waitForExit(world.daemon.client, containerId), 0);
  });

  test('a client that is one too many is told so, and how many there may be', async () => {
    const containerId = await world.interactive('popular', ['cat']);
    const clients = await Promise.all(Array.from({ length: 28 }, () => attach(containerId)));
    for (const [index, client] of clients.entries()) await hearsItself(client, `line ${index}.`);
    const late = await attach(containerId);
    await late.closed;
    assert.match(late.outcome.message ?? '', /too many clients are attached, detach one of the 28 first/);
    await world.daemon.client.runtime('StopContainer', { containerId, timeout: '0' });
    await Promise.all(clients.map(({ closed }) => closed));
  });

  test('a container that is removed before the client comes', async () => {
    const containerId = await world.interactive('gone', ['cat']);
    const { client } = world.daemon;
    const urls = await Promise.all([
      client.runtime('Attach', { containerId, stdout: true }),
      client.runtime('Exec', { containerId, cmd: ['true'], stdout: true }),
    ]);
    await client.runtime('StopContainer', { containerId, timeout: '0' });
    await client.runtime('RemoveContainer', { containerId });
    for (const { url } of urls) {
      const late = await ChannelClient.connect(url, 'v4.channel.k8s.io');
      assert.equal(await late.closed, 1000);
      assert.match(late.outcome.message ?? '', new RegExp(`container "${containerId}" not found`));
    }
  });

  test('a container that has ended, one that is not there', async () => {
    const containerId = await world.container('ended', ['true']);
    await waitForExit(world.daemon.client, containerId);
    const attempt = (id: string) => world.daemon.client.runtime('Attach', { containerId: id, stdout: true });
    await assert.rejects(attempt(containerId), /it is exited, only one that is created or running/);
    await assert.rejects(attempt('absent'), (error: { code?: number }) => error.code === 5);
  });

  test('clients that come and go leave nothing', async () => {
    const containerId = await world.interactive('busy', [
      'sh',
      '-c',
      'while :; do echo line; sleep 0.01; done',
    ]);
    const first = await attach(containerId);
    await first.until(() => first.text(1).includes('line'), 'output');
    first.socket.terminate();
    await first.closed;
    const before = await world.traces();
    for (let round = 0; round < 10; round++) {
      const clients = await Promise.all(Array.from({ length: 5 }, () => attach(containerId)));
      await Promise.all(
        clients.map((client) => client.until(() => client.text(1).includes('line'), 'output')),
      );
      for (const client of clients) client.socket.terminate();
      await Promise.all(clients.map(({ closed }) => closed));
    }
    await world.noTraces(before);
    await world.daemon.client.runtime('StopContainer', { containerId, timeout: '0' });
  });
});
