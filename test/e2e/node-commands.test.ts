// The commands of a person on the node: what runs, and what it has written.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, renameSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestDaemon } from '../harness/daemon.ts';
import { createContainer, podIp, runPod, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { patienceMs } from '../harness/until.ts';

const script = `
echo one; echo oops >&2; printf par; printf tial; echo
while [ ! -e /tmp/go ]; do sleep 0.05; done
echo after; exit 3`;

/** What a running command has printed. */
class Printed {
  out = '';
  err = '';
  readonly #child: ChildProcess;
  readonly exit: Promise<number | null>;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => (this.out += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (this.err += chunk.toString()));
    this.exit = once(child, 'close').then(([code]) => code as number | null);
  }

  /** The first lines of the script, on both streams. */
  async begun(): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (!/partial\n/.test(this.out) || !/oops\n/.test(this.err)) {
      if (performance.now() > deadline) assert.fail(`not all of "${this.out}", errors "${this.err}"`);
      await sleep(20);
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

suite('cria ps, pods, logs and sessions', { skip: missing('runc') }, () => {
  let daemon: TestDaemon;
  let podId = '';
  let firstId = '';
  let secondId = '';

  before(async () => {
    daemon = new TestDaemon();
    const image = await daemon.loadBusybox();
    await daemon.start();
    const pod = daemon.pod('shop');
    podId = await runPod(daemon.client, pod);
    mkdirSync(pod.logDirectory, { recursive: true });
    const create = async (name: string, command: string): Promise<string> => {
      const request = { name, image, command: ['/bin/sh', '-c', command] };
      const containerId = await createContainer(daemon.client, podId, pod, request);
      await daemon.client.runtime('StartContainer', { containerId });
      return containerId;
    };
    firstId = await create('web', script);
    secondId = await create('done', 'echo finished');
    await waitForExit(daemon.client, secondId);
  });

  after(() => daemon.destroy());

  const start = (...args: readonly string[]): Printed =>
    new Printed(spawn(process.execPath, daemon.argv(...args), { stdio: ['ignore', 'pipe', 'pipe'] }));

  const execSync = (command: string) =>
    daemon.client.runtime('ExecSync', {
      containerId: firstId,
      cmd: ['/bin/sh', '-c', command],
      timeout: 60,
    });

  test('ps shows what runs, with --all the rest too', async () => {
    const running = (await daemon.cria('ps')).split('\n');
    assert.match(running[0] ?? '', /^CONTAINER ID +NAME +POD +STATE +ATTEMPT +AGE +IMAGE$/);
    assert.match(
      running[1] ?? '',
      new RegExp(
        `^${firstId.slice(0, 13)}  web +default/shop +running +0 +\\d+[smh] +localhost/busybox:test$`,
      ),
    );
    assert.equal(running.length, 3);
    assert.deepEqual((await daemon.cria('ps', '-aq')).trim().split('\n'), [secondId, firstId]);
    assert.equal(
      await daemon.cria('ps', '--quiet', '--pod', 'shop', '--namespace', 'default'),
      `${firstId}\n`,
    );
    assert.equal(await daemon.cria('ps', '--quiet', '--namespace', 'elsewhere'), '');
    assert.deepEqual(JSON.parse(await daemon.cria('ps', '--all', '--quiet', '--json')), [secondId, firstId]);
    const listed = JSON.parse(await daemon.cria('ps', '--all', '--json')) as Record<string, unknown>[];
    assert.deepEqual(
      listed.map(({ id, podName, state }) => [id, podName, state]),
      [
        [secondId, 'shop', 'exited'],
        [firstId, 'shop', 'running'],
      ],
    );
  });

  test('pods shows them with their addresses', async () => {
    const ip = await podIp(daemon.client, podId);
    const [head, line] = (await daemon.cria('pods')).split('\n');
    assert.match(head ?? '', /^POD ID +NAMESPACE +NAME +STATE +ATTEMPT +AGE +RUNTIME +IP$/);
    assert.match(
      line ?? '',
      new RegExp(`^${podId.slice(0, 13)}  default +shop +ready .* ${ip.replaceAll('.', '\\.')}$`),
    );
    assert.equal(await daemon.cria('pods', '-q'), `${podId}\n`);
    const [pod] = JSON.parse(await daemon.cria('pods', '--json')) as { ips: string[] }[];
    assert.deepEqual(pod?.ips, [ip]);
  });

  test('logs keeps the streams apart, and knows times and the end', async () => {
    const following = start('logs', '-f', 'web');
    await following.begun(); // it is in the log
    following.kill('SIGTERM');
    assert.equal(await following.exit, 143);
    const { exitCode, stdout, stderr } = await daemon.attempt('logs', 'shop/web');
    assert.deepEqual([exitCode, stdout, stderr], [0, 'one\npartial\n', 'oops\n']);
    assert.equal(await daemon.cria('logs', '--tail', '1', 'done'), 'finished\n');
    assert.match(await daemon.cria('logs', '-t', secondId.slice(0, 12)), /^\d{4}-\d\d-\d\dT\S+ finished\n$/);
    assert.equal(await daemon.cria('logs', '--since', '1h', 'done'), 'finished\n');
    assert.equal(await daemon.cria('logs', '--since', '2999-01-01', 'done'), '');
  });

  test('logs --follow ends when it is interrupted', async () => {
    const following = start('logs', '--follow', 'web');
    await following.begun();
    following.kill('SIGINT');
    assert.equal(await following.exit, 130);
  });

  test('logs and exec end when they are interrupted, also while nobody reads them', async () => {
    const records = `2026-01-02T03:04:05Z stdout F ${'x'.repeat(1000)}\n`.repeat(1000);
    appendFileSync(`${daemon.pod('shop').logDirectory}/done.log`, records);
    for (const line of ['logs done', 'exec web yes']) {
      const argv = daemon.argv(...line.split(' '));
      const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'ignore'] });
      const ended = once(child, 'exit');
      // It is left unread from here on: the pipe gets full.
      await once(child.stdout, 'readable');
      while (child.stdout.readableLength < child.stdout.readableHighWaterMark) await sleep(20);
      child.kill('SIGTERM');
      assert.deepEqual(await ended, [143, null], line);
      child.stdout.destroy();
    }
  });

  test('sessions shows who uses what, for as long as they do', async () => {
    const sessionsNow = async () => JSON.parse(await daemon.cria('sessions', '--json')) as object[];
    const gone = async (): Promise<void> => {
      const deadline = performance.now() + patienceMs;
      while ((await sessionsNow()).length > 0) {
        if (performance.now() > deadline) assert.fail('a session is still listed');
        await sleep(20);
      }
    };
    await gone(); // those of the tests before
    const argv = daemon.argv('exec', 'web', 'sh', '-c', 'echo begun; sleep 3600');
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(child.stdout, 'readable');
    const names = { podName: 'shop', podNamespace: 'default', container: 'web' };
    assert.deepEqual(await sessionsNow(), [{ kind: 'exec', id: firstId, ...names, count: 1 }]);
    assert.match(await daemon.cria('sessions'), /^KIND .*\nexec +default\/shop +web +1\n$/);
    child.kill('SIGTERM');
    await gone();
  });

  test('what is not there is told, and where to look', async () => {
    const absent = await daemon.attempt('logs', 'nobody');
    assert.equal(absent.exitCode, 1);
    assert.match(absent.stderr, /^cria: there is no container "nobody"; "cria ps --all" lists them\n$/);
    const previous = await daemon.attempt('logs', '--previous', 'web');
    assert.match(previous.stderr, /is attempt 0, an earlier one is not there/);
    const nowhere = await daemon.attempt('--listen', `${daemon.root}/no.sock`, 'ps');
    assert.equal(nowhere.exitCode, 1);
    assert.match(nowhere.stderr, /no daemon answers on ".*no\.sock": there is no such socket/);
  });

  test('logs --follow goes over a rotation and a restart of the daemon, and ends with the container', async () => {
    const following = start('logs', '--follow', 'web');
    await following.begun();
    await daemon.restart();
    const log = `${daemon.pod('shop').logDirectory}/web.log`;
    renameSync(log, `${log}.old`);
    await daemon.client.runtime('ReopenContainerLog', { containerId: firstId });
    await execSync('touch /tmp/go');
    assert.equal(await following.exit, 0);
    assert.deepEqual([following.out, following.err], ['one\npartial\nafter\n', 'oops\n']);
  });
});
