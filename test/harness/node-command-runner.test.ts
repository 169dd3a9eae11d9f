import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProcessError, type ProcessFailure } from '../../internal/process/process-error.ts';
import { nodeCommandRunner } from './node-command-runner.ts';
import { commandOf, processIds } from './proc.ts';
import { until } from './until.ts';

const scratch = mkdtempSync(join(tmpdir(), 'run-test-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const never = new AbortController().signal;
const timeoutMs = 20_000;

function sh(script: string, options = {}, signal = never) {
  return nodeCommandRunner.run(['/bin/sh', '-c', script], { timeoutMs, ...options }, signal);
}

async function failureOf(running: Promise<unknown>): Promise<ProcessFailure & { cause: unknown }> {
  try {
    await running;
  } catch (error) {
    assert.ok(error instanceof ProcessError, String(error));
    return { ...error.failure, cause: error.cause };
  }
  throw new Error('the command succeeded');
}

/** The pid that the script wrote to `name`, once it is there. */
async function pidIn(name: string): Promise<number> {
  const path = join(scratch, name);
  while (!existsSync(path) || readFileSync(path, 'utf8').trim() === '') await sleep(5);
  return Number(readFileSync(path, 'utf8'));
}

/** A killed orphan is a zombie until init has reaped it. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function assertDies(pid: number): Promise<void> {
  await until(`process ${pid} is dead`, () => !isAlive(pid));
}

test('run gives both streams when the command exits with 0', async () => {
  assert.deepEqual(await sh('echo out; echo err >&2'), { stdout: 'out\n', stderr: 'err\n' });
});

test('run passes stdin, directory and only the given environment', async () => {
  const { stdout } = await nodeCommandRunner.run(
    ['/usr/bin/env'],
    { timeoutMs, env: { A: '1', B: 'two words' } },
    never,
  );
  assert.equal(stdout, 'A=1\nB=two words\n');
  assert.equal((await sh('cat; pwd', { stdin: 'in\n', cwd: scratch })).stdout, `in\n${scratch}\n`);
});

test('run gives an empty stdin when none is given', async () => {
  assert.equal((await sh('cat; readlink /proc/self/fd/0')).stdout, '/dev/null\n');
});

test('run rejects with exit code and output when the command fails', async () => {
  const failure = await failureOf(sh('echo out; echo why >&2; exit 7'));
  assert.deepEqual(
    [failure.exitCode, failure.signalName, failure.stdout, failure.stderr, failure.timedOut],
    [7, null, 'out\n', 'why\n', false],
  );
});

test('run rejects with the signal when the command is killed', async () => {
  const failure = await failureOf(sh('kill -TERM $$'));
  assert.deepEqual([failure.exitCode, failure.signalName], [null, 'SIGTERM']);
});

test('run rejects with the cause when the program is missing, relative or not executable', async () => {
  const run = (argv: string[]) => failureOf(nodeCommandRunner.run(argv, { timeoutMs }, never));
  assert.match(String((await run(['/nowhere/at/all'])).cause), /ENOENT/);
  assert.match(String((await run(['/etc/passwd'])).cause), /EACCES/);
  assert.match(String((await run(['sh', '-c', 'true'])).cause), /absolute path/);
  assert.match(String((await run([])).cause), /absolute path/);
  assert.match(String((await run(['/bin/sh', 'nul\0byte'])).cause), /null bytes/);
});

test('run keeps 1 MiB of each stream and drains the rest', async () => {
  const { stdout, stderr } = await sh('head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2');
  assert.deepEqual([stdout.length, stderr.length], [1024 * 1024, 1024 * 1024]);
});

test('run ignores a command that does not read its stdin', async () => {
  assert.equal((await sh('echo done', { stdin: 'x'.repeat(1 << 20) })).stdout, 'done\n');
});

test('run kills the whole group when the time is over', async () => {
  const seconds = 20_000_000 + process.pid; // by which it is found, whether it has begun or not
  const failure = await failureOf(sh(`sleep ${seconds} & wait`, { timeoutMs: 300 }));
  assert.deepEqual([failure.timedOut, failure.signalName], [true, 'SIGKILL']);
  const left = () => processIds().filter((pid) => commandOf(pid).includes(`sleep ${seconds}`));
  await until('all are dead', () => left().every((pid) => !isAlive(pid)));
});

test('run kills the whole group when the signal aborts', async () => {
  const abort = new AbortController();
  const running = failureOf(sh(`sleep 600 & echo $! > ${scratch}/aborted; wait`, {}, abort.signal));
  const pid = await pidIn('aborted');
  abort.abort(new Error('enough'));
  const failure = await running;
  assert.deepEqual([failure.timedOut, failure.signalName], [false, 'SIGKILL']);
  assert.equal((failure.cause as Error).message, 'enough');
  await assertDies(pid);
});

test('run starts nothing when the signal has aborted before', async () => {
  const failure = await failureOf(sh(`echo x > ${scratch}/never`, {}, AbortSignal.abort()));
  assert.equal(failure.exitCode, null);
  assert.equal(existsSync(join(scratch, 'never')), false);
});

test('run does not wait for a process left behind that holds the pipes', async () => {
  const { stdout } = await sh(`echo result; sleep 600 & echo $! > ${scratch}/holder`);
  assert.equal(stdout, 'result\n');
  await assertDies(await pidIn('holder'));
});

test('run settles when a process outside the group holds the pipes', async () => {
  const { stdout } = await sh(`setsid sh -c 'echo $$ > ${scratch}/outside; exec sleep 600' & echo result`);
  assert.equal(stdout, 'result\n');
  process.kill(await pidIn('outside'), 'SIGKILL');
});

test('run leaves no listener on the signal', async () => {
  const abort = new AbortController();
  await sh('true', {}, abort.signal);
  abort.abort();
  await sleep(5);
});
