// A container's log as the kubelet and an administrator meet it: rotated, limited, on a disk that is full.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { busybox } from '../harness/daemon.ts';
import { useDaemon } from '../harness/daemon-suite.ts';
import { createContainer, readContainerLog, removeAllPods, runPod, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';

const limit = 100_000;

describe('the log of a container', { skip: missing('runc') }, () => {
  const { daemon } = useDaemon({ runtimeToml: `log_size_max = ${limit}` });

  async function started(podName: string, script: string, prepare = (_folder: string): void => {}) {
    const pod = daemon.pod(podName);
    mkdirSync(pod.logDirectory, { recursive: true });
    prepare(pod.logDirectory);
    const podId = await runPod(daemon.client, pod);
    const container = { name: 'writer', image: busybox, command: ['/bin/sh', '-c', script] };
    const containerId = await createContainer(daemon.client, podId, pod, container);
    await daemon.client.runtime('StartContainer', { containerId });
    return { pod, containerId, path: join(pod.logDirectory, 'writer.log') };
  }

  test('log_size_max: one older file is kept, and nothing is missing between the two', async () => {
    const { pod, containerId, path } = await started('limited', 'seq 20000');
    assert.equal(await waitForExit(daemon.client, containerId), 0);
    for (const file of [path, `${path}.1`]) assert.ok(statSync(file).size <= limit);
    renameSync(`${path}.1`, join(pod.logDirectory, 'older.log'));
    const numbers = (name: string) => readContainerLog(pod, name).map(({ text }) => Number(text));
    const kept = [...numbers('older'), ...numbers('writer')];
    assert.equal(kept.at(-1), 20_000);
    assert.deepEqual(
      kept,
      kept.map((_, at) => 20_001 - kept.length + at),
    );
  });

  test('ReopenContainerLog after a rename: the next line is in the new file; exited, it is refused', async () => {
    const script = 'trap "echo second; exit 0" TERM; echo first; while true; do sleep 0.01; done';
    const { pod, containerId, path } = await started('rotated', script);
    while (readContainerLog(pod, 'writer').length === 0)
      await new Promise((resolve) => setTimeout(resolve, 10));
    renameSync(path, join(pod.logDirectory, 'rotated.log'));
    await daemon.client.runtime('ReopenContainerLog', { containerId });
    assert.equal(readFileSync(path, 'utf8'), '');
    await daemon.client.runtime('StopContainer', { containerId, timeout: 60 });
    const texts = (name: string) => readContainerLog(pod, name).map(({ text }) => text);
    assert.deepEqual(texts('rotated'), ['first']);
    assert.deepEqual(texts('writer'), ['second']);
    await assert.rejects(daemon.client.runtime('ReopenContainerLog', { containerId }), {
      code: status.FAILED_PRECONDITION,
    });
  });

  test('a full disk: the exit code is right, and the daemon tells how much is missing', async () => {
    const fill = (folder: string) =>
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
    const { pod, containerId } = await started('full', 'seq 5000; exit 7', fill);
    try {
      assert.equal(await waitForExit(daemon.client, containerId), 7);
      assert.ok(readFileSync(join(pod.logDirectory, 'writer.log'), 'utf8').endsWith('\n'));
      const logged = readContainerLog(pod, 'writer').filter(({ stream }) => stream === 'stdout');
      const all = Array.from({ length: 5_000 }, (_, at) => `${at + 1}\n`).join('');
      const missingBytes = all.length - logged.map(({ text }) => `${text}\n`).join('').length;
      assert.ok(missingBytes > 0);
      assert.match(
        readFileSync(daemon.logFile, 'utf8'),
        new RegExp(`the log of the container lacks output.*${missingBytes}`),
      );
    } finally {
      await removeAllPods(daemon.client);
      execFileSync('umount', ['-l', pod.logDirectory]);
    }
  });
});
