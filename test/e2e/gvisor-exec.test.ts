// Commands in a gVisor container. For the host they are nothing but a process that waits; what runs is in gVisor's kernel.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { ChannelClient } from '../harness/channel-client.ts';
import { runContainer, useDaemon } from '../harness/daemon-suite.ts';
import { missing } from '../harness/requirements.ts';
import { gvisorHandler } from './gvisor-handler.ts';

const handler = 'gvisor';
/** Commands with children of both kinds: the shell waits for one, another is in the background. */
const tree = (marker: number) => `sleep ${marker}1 & (sleep ${marker}2; true) | cat; true`;

describe('an exec under gVisor', { skip: missing('runc', 'runsc') }, () => {
  const { daemon } = useDaemon({ moreHandlers: [gvisorHandler] });

  async function run(containerId: string, ...cmd: string[]): Promise<string> {
    const { stdout, exitCode } = await daemon.client.runtime('ExecSync', { containerId, cmd, timeout: 60 });
    assert.equal(exitCode, 0);
    return stdout.toString();
  }

  /** Command lines in the container whose text has the marker. */
  async function commands(containerId: string, marker: number): Promise<string[]> {
    const lines = (await run(containerId, 'ps', '-o', 'args')).split('\n');
    return lines.filter((line) => line.includes(String(marker)));
  }

  const open = async (containerId: string, script: string, tty: boolean): Promise<ChannelClient> => {
    const cmd = ['sh', '-c', script];
    const request = { containerId, cmd, tty, stdin: true, stdout: true, stderr: !tty };
    const { url } = await daemon.client.runtime('Exec', request);
    return ChannelClient.connect(url, 'v5.channel.k8s.io');
  };

  test('at its timeout nothing of the command is left in the container, and all else goes on', async () => {
    const { containerId } = await runContainer(daemon, {
      handler,
      container: { command: ['sleep', '7000'] },
    });
    const cmd = ['sh', '-c', tree(4711)];
    await assert.rejects(daemon.client.runtime('ExecSync', { containerId, cmd, timeout: 1 }), {
      code: status.DEADLINE_EXCEEDED,
    });
    assert.deepEqual(await commands(containerId, 4711), []);
    assert.equal((await commands(containerId, 7000)).length, 1);
  });

  for (const tty of [false, true]) {
    test(`a client that leaves ${tty ? 'a terminal' : 'pipes'} takes its command along`, async () => {
      const { containerId } = await runContainer(daemon, { handler });
      const other = await open(containerId, 'echo begun; exec sleep 5000', tty);
      const client = await open(containerId, `echo begun; ${tree(4712)}`, tty);
      for (const each of [other, client])
        await each.until(() => each.text(1).startsWith('begun'), 'the command runs');
      client.socket.terminate();
      for (let left = 200; (await commands(containerId, 4712)).length > 0; left--) {
        if (left === 0) throw new Error(`the command is still there:\n${daemon.logTail()}`);
        await sleep(50);
      }
      assert.equal((await commands(containerId, 5000)).length, 1);
      other.socket.terminate();
    });
  }

  test('codes, signals and a program that is not there', async () => {
    const { containerId } = await runContainer(daemon, { handler });
    const code = async (script: string) => {
      const cmd = ['sh', '-c', script];
      const { exitCode } = await daemon.client.runtime('ExecSync', { containerId, cmd, timeout: 60 });
      return exitCode;
    };
    assert.equal(await code('exit 42'), 42);
    assert.equal(await code('kill -TERM $$'), 143);
    assert.equal(await code('kill -KILL $$'), 137);
    await assert.rejects(
      daemon.client.runtime('ExecSync', { containerId, cmd: ['/no/such/program'], timeout: 60 }),
      /no such file or directory/,
    );
  });
});
