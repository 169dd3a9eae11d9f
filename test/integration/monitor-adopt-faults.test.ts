// A monitor dies at a named point of its work, see cmd/cria-monitor/fault.h, or on a kernel that forgets exit codes.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findProgram } from '../harness/command.ts';
import { faultMonitorPath, monitorPath } from '../harness/monitor-build.ts';
import { processesOf } from '../harness/proc.ts';
import { joinLog, makeGate, makeWorld, missing, until } from './monitor-fixture.ts';

describe('a monitor that dies at a point', { skip: missing() }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'cria-fault-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** A program that is the monitor, but dies at the point in the given role. */
  function dyingAt(point: string, role = 'run'): string {
    const path = join(folder, `${role}-${point}`);
    const plan = `case "$1" in ${role}) echo >> ${path}.starts; export CRIA_MONITOR_FAULT=${point}:1 ;; esac`;
    writeFileSync(path, `#!/bin/sh\n${plan}\nexec ${faultMonitorPath} "$@"\n`, { mode: 0o755 });
    return path;
  }

  function startsOf(program: string): number {
    return existsSync(`${program}.starts`) ? readFileSync(`${program}.starts`, 'utf8').length : 0;
  }

  const creating = [
    'listening',
    'gate-opened',
    'record-reserved',
    'runtime-started',
    'runtime-ended',
    'created',
  ];
  for (const point of creating) {
    test(`${point}: the creation fails, and nothing is left`, async () => {
      const world = makeWorld(dyingAt(point));
      try {
        const request = world.request(['sleep', '1000']);
        await assert.rejects(world.monitors.create(request));
        await until('no process is left', () => processesOf(world.root, 'no cgroup').length <= 1); // the spawner
        assert.ok(!world.runtimeKnows(request.containerId));
        assert.deepEqual(readdirSync(join(world.root, 'm')), []);
        assert.deepEqual(readdirSync(join(world.root, 'exits')), []);
      } finally {
        await world.close();
      }
    });
  }

  const script = 'echo out; echo err >&2; exit 7';
  for (const point of ['deposited', 'output-read', 'init-reaped', 'drained', 'recorded', 'exit-told']) {
    test(`${point}: the exit code is not lost, and of the log at most what was read`, async () => {
      const world = makeWorld(dyingAt(point));
      try {
        const request = world.request(['sh', '-c', script]);
        const created = await world.monitors.create(request).catch((cause: Error) => cause);
        if (created instanceof Error) {
          // It died before it could say that the container is there.
          assert.equal(point, 'deposited');
          assert.ok(!world.runtimeKnows(request.containerId));
          return;
        }
        world.start(request.containerId);
        const exit = await world.exit(request.containerId);
        assert.deepEqual([exit.code, exit.reason], [7, 'exited']);
        const output = (['stdout', 'stderr'] as const).map((stream) =>
          joinLog(world.log(request), stream).toString(),
        );
        if (point !== 'output-read') assert.deepEqual(output, ['out\n', 'err\n']);
        else assert.ok(output.includes('') && output.some((text) => text !== ''));
      } finally {
        await world.close();
      }
    });
  }

  test('log-put-aside: no record that is in the log is lost', async () => {
    const world = makeWorld(dyingAt('log-put-aside'));
    try {
      const lines = 'i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); sleep 0.001; done';
      const { id, request } = await world.create(['sh', '-c', lines], { logSizeMaxBytes: 8192 });
      world.start(id);
      assert.equal((await world.exit(id)).code, 0);
      const older = readFileSync(`${request.logPath}.1`, 'latin1');
      const kept = joinLog(older + world.log(request), 'stdout').toString();
      const said = [...kept.matchAll(/line (\d+)\n/g)].map(([, number]) => Number(number));
      assert.deepEqual(
        said,
        said.toSorted((a, b) => a - b),
      );
      assert.equal(new Set(said).size, said.length, 'a record is there twice');
      // What the dead one had read and not yet written is missing, in one place; what was put aside is there.
      const gaps = said.filter((number, at) => at > 0 && number !== (said[at - 1] ?? 0) + 1);
      assert.ok(gaps.length <= 1, `gaps before ${gaps}`);
      assert.equal(said[0], 0);
      assert.equal(said.at(-1), 299);
    } finally {
      await world.close();
    }
  });

  for (const point of ['adopting', 'adopted']) {
    test(`${point}: who goes on in its place dies too, until one does not`, async () => {
      const program = dyingAt(point, 'adopt');
      const world = makeWorld(program);
      try {
        const gate = makeGate(world);
        const started = await world.create(['sh', '-c', `echo one; ${gate.wait}; echo two; exit 7`]);
        world.start(started.id);
        // What a monitor has read and not yet written is lost with it.
        await until('the first line is in the log', () => world.log(started.request).endsWith('\n'));
        process.kill(started.created.monitorPid, 'SIGKILL');
        await until('two have tried', () => startsOf(program) >= 2);
        writeFileSync(`${program}.sound`, `#!/bin/sh\nexec ${monitorPath} "$@"\n`, { mode: 0o755 });
        renameSync(`${program}.sound`, program);
        gate.open();
        assert.equal((await world.exit(started.id)).code, 7);
        assert.equal(joinLog(world.log(started.request), 'stdout').toString(), 'one\ntwo\n');
      } finally {
        await world.close();
      }
    });
  }

  test('the spawner dies while another goes on: that one is found all the same', async () => {
    const program = join(folder, 'stopping');
    const plan = `[ "$1" = adopt ] && echo $$ > ${program}.pid && export CRIA_MONITOR_FAULT=adopting:1:stop`;
    writeFileSync(program, `#!/bin/sh\n${plan}\nexec ${faultMonitorPath} "$@"\n`, { mode: 0o755 });
    const world = makeWorld(program);
    const successors: (number | undefined)[] = [];
    world.monitors.onMonitorLost((_, pid) => successors.push(pid));
    try {
      const script = 'trap "echo two; exit 7" TERM; echo one; while true; do sleep 0.01; done';
      const { id, request, created } = await world.create(['sh', '-c', script]);
      world.start(id);
      await until('it runs', () => world.log(request).endsWith('\n'));
      process.kill(created.monitorPid, 'SIGKILL');
      const stopped = (): string =>
        existsSync(`${program}.pid`) ? readFileSync(`${program}.pid`, 'utf8').trim() : '';
      const stateOf = (pid: string): string | undefined =>
        pid === '' ? undefined : /\) (\w) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
      await until('another one stops before it listens', () => stateOf(stopped()) === 'T');
      const before = world.spawner.pid as number;
      process.kill(before, 'SIGKILL');
      await until('another spawner', () => world.spawner.pid !== before && world.spawner.pid !== undefined);
      await world.spawner.hello();
      process.kill(Number(stopped()), 'SIGCONT');
      await until('it is known who goes on', () => successors.length > 0);
      await world.monitors.reopenLog(id);
      await world.monitors.signal(id, 15);
      assert.equal((await world.exit(id)).code, 7);
      assert.equal(joinLog(world.log(request), 'stdout').toString(), 'one\ntwo\n');
    } finally {
      await world.close();
    }
  });
});

/** Refuses PIDFD_GET_INFO, as Linux does before 6.13; the exit code is in it since 6.15. */
const oldKernel = `
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xc040ff0b, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	if (argc < 2 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		return 1;
	argv[0] = MONITOR;
	execv(MONITOR, argv);
	perror("exec");
	return 1;
}
`;

function noCompiler(): string | false {
  return missing() || (findProgram('cc') === undefined ? 'needs cc' : false);
}

describe('a monitor that dies where the kernel does not tell exit codes', { skip: noCompiler() }, () => {
  test('the spawner has reaped the container and tells', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cria-old-kernel-'));
    const program = join(folder, 'monitor');
    writeFileSync(`${program}.c`, oldKernel);
    execFileSync('cc', ['-o', program, `-DMONITOR="${monitorPath}"`, `${program}.c`]);
    const world = makeWorld(program);
    try {
      for (const isBefore of [true, false]) {
        const started = await world.create([
          'sh',
          '-c',
          'trap "exit 31" TERM; echo up; while true; do sleep 0.01; done',
        ]);
        let successor = false;
        world.monitors.onMonitorLost(() => {
          successor = true;
        });
        world.start(started.id);
        await until('it is up', () => world.log(started.request) !== '');
        process.kill(started.created.monitorPid, 'SIGKILL');
        // Without a turn of our loop it ends before it is adopted.
        if (!isBefore) await until('another monitor', () => successor);
        process.kill(started.created.pid, 'SIGTERM');
        const exit = await world.exit(started.id);
        assert.deepEqual([exit.code, exit.reason], [31, 'exited']);
      }
    } finally {
      await world.close();
      rmSync(folder, { recursive: true });
    }
  });
});
