import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { MemoryCommands } from '../../../test/fakes/memory-commands.ts';
import { ChannelClient } from '../../../test/harness/channel-client.ts';
import { DaemonError } from '../../errors/daemon-error.ts';

const world = new MemoryCommands();

before(() => world.start());
after(() => world.close());

const pod = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    if (text.endsWith('\n')) socket.end(`got ${text}`);
  });
});

before(() => new Promise<void>((resolve) => void pod.listen(0, '127.0.0.1', () => resolve())));
after(() => void pod.close());

for (const protocol of ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io', '']) {
  test(`each port has two channels, which begin with it ("${protocol}")`, async () => {
    const { port } = pod.address() as AddressInfo;
    const url = world.server.offer({
      ...{ kind: 'portforward', owner: 'p1', ports: [port, 1] },
      watch: () => ({ stopped: new AbortController().signal, release: () => {} }),
      dial: async (to: number): Promise<Socket> => {
        if (to !== port) throw new DaemonError('unavailable', 'connection refused');
        return connect({ port, allowHalfOpen: true });
      },
    });
    const client = await ChannelClient.connect(url, protocol);
    client.send(0, 'line\n');
    assert.equal(await client.closed, 1000);
    const word = Buffer.alloc(2);
    word.writeUInt16LE(port);
    assert.deepEqual(client.channels.get(0), Buffer.concat([word, Buffer.from('got line\n')]));
    assert.deepEqual(client.channels.get(1), word);
    assert.deepEqual(client.channels.get(2), Buffer.from([1, 0]));
    assert.match(client.text(3), /error forwarding port 1 to pod p1: connection refused$/);
  });
}
