// What clients of port-forward leave and hear: crictl when it is killed or its pod stops, and the channels of old WebSocket
// clients. That everything gets through is shown by port-forward.test.ts.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { ChannelClient } from '../harness/channel-client.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { Forwarder } from '../harness/forwarder.ts';
import { missing } from '../harness/requirements.ts';
import { StreamWorld } from '../harness/stream-world.ts';

describe('clients of port-forward', { skip: missing('runc', 'crictl') }, () => {
  const world = new StreamWorld(new TestDaemon());
  const clients: Forwarder[] = [];
  const podPort = 7070;

  before(async () => {
    await world.start();
    await world.container('echo', ['nc', '-ll', '-p', String(podPort), '-e', 'cat']);
    const script = `for n in $(seq 300); do netstat -ltn | grep -q ":${podPort} " && exit; usleep 100000; done; exit 1`;
    const request = { containerId: world.containerId, cmd: ['sh', '-c', script], timeout: '60' };
    const { exitCode } = await world.daemon.client.runtime('ExecSync', request);
    assert.equal(exitCode, 0, 'nobody listens in the pod');
  });

  after(async () => {
    for (const client of clients) await client.kill();
    await world.daemon.destroy();
  });

  /** A crictl that forwards. */
  async function forward(): Promise<Forwarder> {
    const client = await Forwarder.start(world.crictl.argv('port-forward', world.podId, `:${podPort}`));
    clients.push(client);
    return client;
  }

  /** Connections through a crictl that is killed while they are open. */
  async function killedWith(connections: number): Promise<void> {
    const client = await forward();
    const sockets = Array.from({ length: connections }, () =>
      connect(client.port, '127.0.0.1').on('error', () => {}),
    );
    await Promise.all(
      sockets.map(async (socket) => {
        socket.write('hello');
        await once(socket, 'data');
      }),
    );
    await client.kill();
    for (const socket of sockets) socket.destroy();
  }

  test('a client that is killed in the middle leaves nothing', async () => {
    await killedWith(1); // what the daemon keeps for the next connection is there now
    const before = await world.traces();
    await killedWith(20);
    await world.noTraces(before);
  });

  for (const protocol of ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io']) {
    test(`a client that names its ports in the request, by ${protocol}`, async () => {
      const request = { podSandboxId: world.podId, port: [podPort] };
      const { url } = await world.daemon.client.runtime('PortForward', request);
      const client = await ChannelClient.connect(url, protocol);
      client.send(0, 'hello');
      await client.until(() => client.text(0).length >= 2 + 5, 'the echo');
      assert.equal(client.channels.get(0)?.subarray(2).toString(), 'hello');
      client.socket.close();
      await client.closed;
    });
  }

  test('a pod that is not there, a port that is none', async () => {
    const { client } = world.daemon;
    await assert.rejects(
      client.runtime('PortForward', { podSandboxId: 'absent' }),
      (e: { code?: number }) => e.code === 5,
    );
    const request = { podSandboxId: world.podId, port: [70_000] };
    await assert.rejects(client.runtime('PortForward', request), (e: { code?: number }) => e.code === 3);
  });

  test('a pod that stops ends the session', async () => {
    const client = await forward();
    const socket = connect(client.port, '127.0.0.1').on('error', () => {});
    socket.write('hello');
    await once(socket, 'data');
    const ended = client.ended();
    await world.daemon.client.runtime('StopPodSandbox', { podSandboxId: world.podId });
    await ended;
    if (!socket.closed) await once(socket, 'close');
  });
});
