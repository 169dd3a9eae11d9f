import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DaemonError } from '../errors/daemon-error.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { ProcessError } from '../process/process-error.ts';
import { CliRuntime, runtimeCommand } from './cli-runtime.ts';
import { parseExecHelp } from './probe-runtime.ts';

function failing(stderr: string): CommandRunner {
  return {
    run: async (argv) => {
      throw new ProcessError({ argv, exitCode: 1, signalName: null, stdout: '', stderr, timedOut: false });
    },
  };
}

const settings = {
  path: '/usr/bin/crun',
  root: '/run/crun',
  systemdCgroup: true,
  args: ['--debug'],
  env: [],
};
const crun = runtimeCommand(settings);

test('CliRuntime passes root and cgroup manager before the verb', async () => {
  const calls: (readonly string[])[] = [];
  const runner: CommandRunner = {
    run: async (argv) => {
      calls.push(argv);
      return { stdout: '', stderr: '' };
    },
  };
  await new CliRuntime(crun, runner).kill('abc', 9, { all: true });
  assert.deepEqual(calls, [
    ['/usr/bin/crun', '--root', '/run/crun', '--systemd-cgroup', '--debug', 'kill', '--all', 'abc', '9'],
  ]);
});

test('CliRuntime runs in the usual PATH, or in the environment that the handler says', () => {
  const { PATH } = new CliRuntime(crun, failing('')).env;
  assert.match(PATH ?? '', /(^|:)\/usr\/bin(:|$)/);
  const env = ['PATH=/opt/bin', 'A=b=c', 'EMPTY='];
  const own = new CliRuntime(runtimeCommand({ ...settings, env }), failing(''));
  assert.deepEqual(own.env, { PATH: '/opt/bin', A: 'b=c', EMPTY: '' });
});

test('CliRuntime delete is success when the runtime does not know the container', async () => {
  await new CliRuntime(crun, failing('error opening file: container does not exist')).delete('abc');
});

test('CliRuntime deleteKernel leaves no lock of the pod in the state directory, wherever the options name that', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'cria-cli-runtime-'));
  t.after(() => rmSync(root, { recursive: true }));
  const locks = ['c1_sandbox:abc.lock', 'c2_sandbox:abc.lock', 'c3_sandbox:other.lock'];
  for (const name of locks) writeFileSync(join(root, name), '');
  const command = { path: '/usr/bin/runsc', root, globalArgs: ['--debug', '--root', root], env: {} };
  const runner: CommandRunner = { run: async () => ({ stdout: '', stderr: '' }) };
  await new CliRuntime(command, runner).deleteKernel('abc');
  assert.deepEqual(readdirSync(root), ['c3_sandbox:other.lock']);
  await new CliRuntime({ ...command, root: undefined }, runner).deleteKernel('other');
  assert.deepEqual(readdirSync(root), ['c3_sandbox:other.lock']);
});

test('CliRuntime start gives the words of the runtime', async () => {
  const stderr = 'time="2026-01-01T00:00:00Z" level=error msg="cannot start \\"x\\""\n';
  await assert.rejects(new CliRuntime(crun, failing(stderr)).start('abc'), (error) => {
    assert.ok(error instanceof DaemonError);
    assert.equal(error.message, 'OCI runtime start failed: cannot start "x"');
    return true;
  });
});

test('parseExecHelp tells what exec --cgroup takes', () => {
  const cgroup = (help: string) => parseExecHelp(help).execCgroup;
  const runc =
    '   --cgroup value   run the process in an (existing) sub-cgroup(s). Format is [<controller>:]<cgroup>.\n';
  assert.equal(cgroup(`OPTIONS:\n${runc}   --ignore-paused  allow exec\n`), 'any');
  assert.equal(cgroup('      --cgroup=PATH          sub-cgroup in the container\n'), 'unified');
  assert.equal(cgroup('   --console-socket value  see --cgroup\n'), undefined);
});

test('parseExecHelp tells whether commands have pids that the host does not know', () => {
  const guestPids = (help: string) => parseExecHelp(help).guestPids;
  assert.equal(guestPids('OPTIONS:\n  -internal-pid-file string\n    \tfilename that the pid\n'), true);
  assert.equal(guestPids('   --pid-file value  specify the file, see --internal-pid-file\n'), false);
});
