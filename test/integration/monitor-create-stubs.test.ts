// Creations that go wrong: an OCI runtime that hangs, lies or says nothing must leave no trace.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isAlive, makeWorld, missing, until, type World } from './monitor-fixture.ts';
import { assertRefused, type Stub, writeStub } from './monitor-stub.ts';

const tools = mkdtempSync(join(tmpdir(), 'cria-stub-'));
const sendFds = join(tools, 'send-fds');
const noPidFile = /the runtime wrote no valid pid file/;

const timeout = {
  message: /was not created within 400 ms/,
  kind: 'deadline-exceeded',
  extra: { createTimeoutMs: 400 },
} as const;

const silent: readonly Stub[] = [
  { name: 'says nothing', script: 'exit 1', message: /exited with code 1 and said nothing/ },
  { name: 'dies of a signal', script: 'kill -9 $$', message: /killed by signal 9/ },
  { name: 'hangs', script: 'sleep 6663', ...timeout },
  { name: 'hangs in a session of its own', script: 'setsid sleep 6664 & wait', ...timeout },
  { name: 'stops itself', script: 'kill -STOP $$', ...timeout },
  {
    name: 'hangs and lets no signal end it',
    script: 'trap "" TERM INT HUP; while :; do sleep 6660; done',
    ...timeout,
  },
];

const talking: readonly Stub[] = [
  {
    name: 'leaves a grandchild with its stderr',
    script: 'sleep 6661 & echo why >&2; exit 1',
    message: /why$/,
  },
  {
    name: 'leaves a daemon behind',
    script: '(setsid sh -c "(sleep 6666 <&- >&- 2>&- &)"); echo why >&2; exit 1',
    message: /why$/,
  },
  {
    name: 'writes 1 MiB of stderr',
    script: 'head -c 1048576 /dev/zero | tr "\\0" x >&2; exit 1',
    message: /x{8000}/,
  },
  {
    name: 'writes what is no UTF-8',
    script: 'printf "bad \\377 byte" >&2; exit 1',
    message: /bad \ufffd byte/,
  },
  { name: 'writes NUL bytes', script: 'printf "\\0one\\0two" >&2; exit 1', message: /: one two$/ },
  {
    name: 'writes 9000 bytes that are no UTF-8',
    script: 'head -c 9000 /dev/zero | tr "\\0" "\\377" >&2; exit 1',
    message: /\ufffd{8000}/,
  },
  {
    name: 'logs with a time',
    script: `echo 'time="2026-01-02T03:04:05Z" level=error msg="it is \\"bad\\""' >&2; exit 1`,
    message: /could not be created: it is "bad"$/,
  },
  {
    name: 'names the id, which is another one at the next attempt',
    script: 'echo "no cgroup /pod/crio-$id/cpuset.cpus" >&2; exit 1',
    message: /^container "k8s_test" could not be created: no cgroup \/pod\/crio-<id>\/cpuset\.cpus$/,
  },
];

const pidFiles: readonly Stub[] = [
  { name: 'writes garbage as pid', script: 'echo abc > "$pidfile"', message: noPidFile },
  { name: 'writes pid 1', script: 'echo 1 > "$pidfile"', message: noPidFile },
  { name: 'writes a negative pid', script: 'echo -5 > "$pidfile"', message: noPidFile },
  { name: 'writes a pid beyond all', script: 'echo 4294967298 > "$pidfile"', message: noPidFile },
  { name: 'writes an empty pid file', script: ': > "$pidfile"', message: noPidFile },
  { name: 'writes a huge pid file', script: 'truncate -s 4G "$pidfile"', message: noPidFile },
  {
    name: 'writes a huge number',
    script: 'head -c 99999 /dev/zero | tr "\\0" 7 > "$pidfile"',
    message: noPidFile,
  },
  { name: 'writes no pid file', script: 'exit 0', message: noPidFile },
  { name: 'makes a fifo of the pid file', script: 'mkfifo "$pidfile"', message: noPidFile },
  {
    name: 'names a process that does not exist',
    script: 'echo 4194303 > "$pidfile"',
    message: /the process 4194303 that the runtime named does not exist/,
  },
  {
    name: 'names a process that it has reaped',
    script: 'sh -c "exit 3" & echo $! > "$pidfile"; wait',
    message: /the process \d+ that the runtime named does not exist/,
  },
];

const sent: Readonly<Record<string, RegExp>> = {
  nothing: /terminal: it sent no descriptor$/,
  text: /terminal: it sent no descriptor$/,
  null: /terminal: what it sent is not the master of a terminal$/,
  slave: /terminal: what it sent is not the master of a terminal$/,
  two: /terminal: it sent more than one descriptor$/,
  many: /terminal: it sent more than one descriptor$/,
};
const terminals: readonly Stub[] = [
  {
    name: 'sends no terminal',
    script: 'sleep 6662 & echo $! > "$pidfile"',
    message: /the runtime did not set up the terminal: it did not connect to the console socket$/,
  },
  ...Object.entries(sent).map(([kind, message]) => ({
    name: `sends as terminal: ${kind}`,
    script: `${sendFds} "$console" ${kind} || exit 9; sleep 6662 & echo $! > "$pidfile"`,
    message,
  })),
].map((stub) => ({ ...stub, extra: { terminal: true } }));

describe('create with a hostile runtime', { skip: missing() }, () => {
  let world: World;
  before(() => {
    const source = fileURLToPath(new URL('../../../test/native/send-fds.c', import.meta.url));
    execFileSync('cc', ['-o', sendFds, source], { stdio: 'inherit' });
    world = makeWorld();
  });
  after(async () => {
    await world.close();
    rmSync(tools, { recursive: true });
  });

  for (const stub of [...silent, ...talking, ...pidFiles, ...terminals])
    test(`one that ${stub.name}`, () => assertRefused(world, stub));

  const early: readonly (readonly [string, string])[] = [
    [
      'ends while the runtime is its parent',
      'sh -c "sleep 0.2; exit 7" & echo $! > "$pidfile"; exec sleep 0.5',
    ],
    [
      'ends as our child while the runtime runs',
      `(sh -c "sleep 0.2; exit 7" & echo $! > "$pidfile"); exec sleep 0.5`,
    ],
  ];
  for (const [name, script] of early) {
    test(`a container that ${name} keeps its code`, async () => {
      const { id, created } = await world.create(['true'], { runtimePath: writeStub(world, script) });
      assert.equal((await world.exit(id)).code, 7);
      await until('the monitor has left', () => !isAlive(created.monitorPid));
      await world.monitors.remove(id);
    });
  }
});
