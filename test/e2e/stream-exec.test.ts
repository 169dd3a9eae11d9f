// Exec as people and the kubelet do it: crictl over both transports, against a real container.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '../harness/daemon.ts';
import { rounds } from '../harness/long-tests.ts';
import { pipeThrough, startPiped } from '../harness/piped-command.ts';
import { missing } from '../harness/requirements.ts';
import { StreamWorld } from '../harness/stream-world.ts';

const mebibyte = 1024 * 1024;
const bigBytes = rounds(64, 1024) * mebibyte;
const manySessions = rounds(50, 500);

describe('exec', { skip: missing('runc', 'crictl') }, () => {
  const world = new StreamWorld(new TestDaemon({ runtimeToml: 'log_level = "debug"' }));

  before(() => world.start());
  after(() => world.daemon.destroy());

  for (const transport of ['spdy', 'websocket']) {
    describe(`with crictl over ${transport}`, () => {
      const argv = (...args: readonly string[]) => ['exec', '-r', transport, ...args];
      const exec = (...args: readonly string[]) => world.crictl.attempt(...argv(world.containerId, ...args));

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
          assert.match(stderr, new RegExp(`exit code:? ${code}\\b`), script);
        }
      });

      test('a program that is not there', async () => {
        const { exitCode, stderr } = await exec('/no/such/program');
        assert.equal(exitCode, 1);
        assert.match(stderr, /no such file or directory/);
      });

      test(`${bigBytes / mebibyte} MiB through cat, both ways, whole`, async () => {
        const passed = await pipeThrough(
          world.crictl.argv(...argv('-i', world.containerId, 'cat')),
          bigBytes,
        );
        assert.equal(passed.exitCode, 0, passed.stderr);
        assert.equal(passed.sent.bytes, bigBytes);
        assert.deepEqual(passed.received, passed.sent);
      });

      test('a client that is killed takes its command along, and nothing else', async () => {
        const before = await world.traces();
        const other = await world.exec(['cat']);
        const client = startPiped(
          world.crictl.argv(...argv(world.containerId, 'sh', '-c', 'echo begun; sleep 3600 & yes')),
        );
        await once(client.stdout!, 'data');
        client.kill('SIGKILL');
        await once(client, 'exit');
        client.stdout?.destroy();
        other.send(0, 'still here');
        await other.until(() => other.text(1) === 'still here', 'the other session goes on');
        other.endChannel(0);
        await other.closed;
        await world.noTraces(before);
      });
    });
  }

  test(`${manySessions} sessions that end in all ways leave nothing`, async () => {
    await (await world.exec(['true'])).closed;
    const before = await world.traces();
    const one = async (index: number): Promise<void> => {
      const client = await world.exec(['sh', '-c', 'echo begun; exec cat']);
      await client.until(() => client.text(1).startsWith('begun'), 'the command runs');
      client.send(0, Buffer.alloc(100_000, index));
      if (index % 3 === 0) client.socket.terminate();
      else if (index % 3 === 1) client.socket.close();
      else client.endChannel(0);
      await client.closed;
    };
    for (let done = 0; done < manySessions; done += 10)
      await Promise.all(Array.from({ length: 10 }, (_, index) => one(done + index)));
    await world.noTraces(before);
  });

  test('a client that reads slowly gets everything, and the exit code behind it', async () => {
    const client = await world.exec(['sh', '-c', `head -c ${8 * mebibyte} /dev/zero; exit 9`]);
    client.socket.on('message', () => {
      client.socket.pause();
      setTimeout(() => client.socket.resume(), 2);
    });
    await client.closed;
    assert.equal(client.channels.get(1)?.length, 8 * mebibyte);
    assert.deepEqual(client.outcome.details, { causes: [{ reason: 'ExitCode', message: '9' }] });
  });

  test('a command ends with its container, and its client is told', async () => {
    const containerId = await world.container('short', ['sleep', '3600']);
    const client = await world.exec(['sh', '-c', 'echo begun; sleep 3600'], containerId);
    await client.until(() => client.text(1) === 'begun\n', 'the command runs');
    await world.daemon.client.runtime('StopContainer', { containerId, timeout: '0' });
    assert.equal(await client.closed, 1000);
    // Of a process that died with its pid namespace the kernel says SIGKILL, whatever it did before.
    assert.deepEqual(client.outcome.details, { causes: [{ reason: 'ExitCode', message: '137' }] });
  });

  test('requests that cannot be are refused', async () => {
    const { client } = world.daemon;
    const good = { containerId: world.containerId, cmd: ['true'], stdout: true };
    for (const [request, code] of [
      [{ ...good, containerId: '' }, 3],
      [{ ...good, containerId: 'absent' }, 5],
      [{ ...good, stdout: false }, 3],
      [{ ...good, tty: true, stderr: true }, 3],
      [{ ...good, cmd: [] }, 3],
    ] as const)
      await assert.rejects(
        client.runtime('Exec', { ...request, cmd: [...request.cmd] }),
        (error: { code?: number }) => error.code === code,
      );
  });

  test('the daemon logs how sessions end, and no tokens', async () => {
    const { url } = await world.daemon.client.runtime('Exec', {
      ...{ containerId: world.containerId, cmd: ['true'], stdout: true },
    });
    assert.equal((await fetch(url)).status, 400);
    const used = await world.exec(['sh', '-c', 'exit 76']);
    await used.closed;
    let log = '';
    await used.until(() => {
      log = world.daemon.logTail(100_000);
      return log.split('\n').some((line) => line.includes('a stream has ended') && /\b76\b/.test(line));
    }, 'the end and its code are logged');
    assert.match(log, /a stream begins/);
    for (const text of [url, used.socket.url]) {
      const token = new URL(text).pathname.split('/').at(-1) ?? '';
      assert.ok(token.length >= 22 && !log.includes(token));
    }
  });

  test('a daemon that stops ends the sessions, and the containers live on', async () => {
    const client = await world.exec(['sh', '-c', 'echo begun; sleep 4321']);
    await client.until(() => client.text(1) === 'begun\n', 'the command runs');
    await world.daemon.stop();
    await client.closed;
    assert.match(client.outcome.message ?? '', /is being stopped/);
    await world.daemon.start();
    const again = await world.exec(['ps']);
    assert.equal(await again.closed, 1000);
    assert.doesNotMatch(again.text(1), /sleep 4321/);
  });
});
