// The daemon's own directories are full, of bytes or of inodes: what needs room says where there is none, everything else
// works, and so does everything when there is room again.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { command } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { createContainer, readContainerLog, removeAllPods, runPod, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';
import { assertWorld, settledWorld, type World } from '../harness/world.ts';

const noRoom =
  /^Error: 8 RESOURCE_EXHAUSTED: (sandbox|container) "[0-9a-f]{64}" does not fit: the file system of "([^"]+)" has \d+ bytes( and \d+ inodes)? free; free space there$/;

describe('a full disk', { skip: missing('runc') }, () => {
  let daemon: TestDaemon;
  let image: string;
  let empty: World;

  before(async () => {
    daemon = new TestDaemon();
    for (const directory of ['run', 'data', 'pod-logs']) {
      const path = join(daemon.root, directory);
      mkdirSync(path, { recursive: true });
      await command(['mount', '-t', 'tmpfs', '-o', 'size=8m,nr_inodes=2000,mode=711', 'cria-test', path]);
    }
    await daemon.start();
    image = await daemon.loadBusybox();
    await runPod(daemon.client, daemon.pod('warm-up'));
    await removeAllPods(daemon.client);
    empty = await settledWorld(daemon);
  });

  after(() => daemon?.destroy());

  afterEach(async () => {
    await removeAllPods(daemon.client);
    await assertWorld(daemon, empty);
  });

  /** Writes until nothing fits any more; returns how to take it away again. */
  function fill(directory: string, contentBytes: number): () => void {
    const filler = join(daemon.root, directory, 'filler');
    mkdirSync(filler);
    const content = Buffer.alloc(contentBytes, 1);
    try {
      for (let number = 0; ; number++) writeFileSync(join(filler, `${number}`), content);
    } catch (cause) {
      assert.equal((cause as NodeJS.ErrnoException).code, 'ENOSPC');
    }
    return () => rmSync(filler, { recursive: true });
  }

  const cases = [
    ['run', 'bytes', 64 * 1024],
    ['run', 'inodes', 0],
    ['data', 'bytes', 64 * 1024],
    ['data', 'inodes', 0],
  ] as const;
  for (const [directory, what, contentBytes] of cases) {
    test(`no ${what} in the ${directory} directory`, async () => {
      const { client } = daemon;
      const pod = daemon.pod('before');
      const podId = await runPod(client, pod);
      const request = {
        name: 'main',
        image,
        command: ['/bin/sh', '-c', 'trap "exit 5" TERM; echo ready; while :; do sleep 0.1; done'],
      };
      const containerId = await createContainer(client, podId, pod, request);
      await client.runtime('StartContainer', { containerId });
      await until('the trap is set', () => readContainerLog(pod, 'main').length > 0);
      const free = fill(directory, contentBytes);
      try {
        for (const attempt of [
          () => runPod(client, daemon.pod('refused')),
          () => createContainer(client, podId, pod, { ...request, name: 'refused' }),
        ]) {
          const error = await attempt().then(assert.fail, (cause: unknown) => cause);
          const [, , where] = noRoom.exec(String(error)) ?? assert.fail(String(error));
          assert.ok(where?.startsWith(join(daemon.root, directory)), String(error));
        }
        await client.runtime('StopContainer', { containerId, timeout: 60 });
        assert.equal(await waitForExit(client, containerId), 5);
        await client.runtime('RemoveContainer', { containerId });
        await removeAllPods(client);
        assert.doesNotMatch(daemon.logTail(100), /unexpectedly/);
      } finally {
        free();
      }
      await runPod(client, daemon.pod('refused'));
    });
  }

  test('no inode for a log: the container is refused with its log’s path', async () => {
    const pod = daemon.pod('log');
    const podId = await runPod(daemon.client, pod);
    mkdirSync(pod.logDirectory, { recursive: true });
    const free = fill('pod-logs', 0);
    try {
      await assert.rejects(
        createContainer(daemon.client, podId, pod, { name: 'main', image }),
        /container "k8s_main_log_default_[^"]+" could not be created: open the log file .*\/pod-logs\/log\/main\.log: No space left on device/,
      );
    } finally {
      free();
    }
  });
});
