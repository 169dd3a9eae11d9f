// Connections into pods, by the daemon's real parts in the test's own process.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { dialSandbox } from '../../internal/sandbox/port-forward.ts';
import type { SandboxParts } from '../../internal/sandbox/sandbox-parts.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { type InProcessDaemon, startInProcess } from '../harness/in-process-daemon.ts';
import { createContainer, podConfig, runPod } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';
import { assertWorld, settledWorld, type World } from '../harness/world.ts';

const never = new AbortController().signal;
const echoPort = 8080;

async function listen(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

async function echo(socket: Socket, text: string): Promise<string> {
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  socket.end(text);
  await once(socket, 'close');
  return answer;
}

suite('connections into a pod', { skip: missing('runc') }, () => {
  let territory: TestDaemon;
  let daemon: InProcessDaemon;
  let parts: SandboxParts;
  let image = '';
  let empty: World;

  before(async () => {
    territory = new TestDaemon();
    image = await territory.loadBusybox();
    daemon = await startInProcess(territory.paths.configFile, (made) => {
      parts = made.sandboxes;
      return made;
    });
    const podSandboxId = await runPod(daemon.client, territory.pod('warm-up'));
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
    empty = await settledWorld(territory);
  });

  after(async () => {
    await daemon.stop();
    await territory.destroy();
  });

  const dial = (id: string, port = echoPort): Promise<Socket> => dialSandbox(parts, id, port, never);

  /** A pod whose container answers each connection with what it sends. */
  async function echoPod(name: string): Promise<string> {
    const pod = territory.pod(name);
    const podSandboxId = await runPod(daemon.client, pod);
    mkdirSync(pod.logDirectory, { recursive: true });
    const command = ['/bin/nc', '-ll', '-p', String(echoPort), '-e', '/bin/cat'];
    const containerId = await createContainer(daemon.client, podSandboxId, pod, {
      name: 'echo',
      image,
      command,
    });
    await daemon.client.runtime('StartContainer', { containerId });
    let socket: Socket | undefined;
    await until('the pod listens', async () => {
      socket = await dial(podSandboxId).catch(() => undefined);
      return socket !== undefined;
    });
    assert.equal(await echo(socket as Socket, 'ready'), 'ready');
    return podSandboxId;
  }

  test('carries a connection, tells a refusal, and a stop drops what is left of it', async () => {
    const id = await echoPod('forwarded');
    assert.equal(await echo(await dial(id.slice(0, 12)), 'hello'), 'hello');
    await assert.rejects(
      dial(id, 81),
      new RegExp(`cannot connect to port 81 in sandbox "${id}": connection refused`),
    );
    const open = await dial(id);
    const failed = once(open, 'error');
    const hangingUp = daemon.client.runtime('StopPodSandbox', { podSandboxId: id });
    assert.match(String((await failed)[0]), /is being stopped/);
    await hangingUp;
    await assert.rejects(dial(id), /cannot be forwarded: it is not-ready/);
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId: id });
    await assertWorld(territory, empty);
  });

  test('a pod on the host network is reached on the host', async () => {
    const { server, port } = await listen();
    const config = podConfig(territory.pod('on-host'));
    const namespaceOptions = { network: 'NODE', pid: 'CONTAINER', ipc: 'POD' } as const;
    const onHost = { ...config, linux: { ...config.linux, securityContext: { namespaceOptions } } };
    const { podSandboxId } = await daemon.client.runtime('RunPodSandbox', { config: onHost });
    assert.equal(await echo(await dial(podSandboxId, port), 'hello'), 'hello');
    server.close();
    await once(server, 'close');
    await assert.rejects(dial(podSandboxId, port), /on the host, whose network sandbox .*connection refused/);
    await daemon.client.runtime('StopPodSandbox', { podSandboxId });
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
  });

  test('what cannot be forwarded is refused by name', async () => {
    const podSandboxId = await runPod(daemon.client, territory.pod('refusals'));
    for (const port of [0, -1, 65_536, 1.5, Number.NaN])
      await assert.rejects(dial(podSandboxId, port), /cannot be forwarded: a port is 1 to 65535/);
    await assert.rejects(dial('0123456789'), /sandbox "0123456789"/);
    const gone = AbortSignal.abort(new Error('the client has left'));
    await assert.rejects(dialSandbox(parts, podSandboxId, echoPort, gone), /the client has left/);
    assert.equal(parts.sandboxes.get(podSandboxId).connections.size, 0);
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
  });
});
