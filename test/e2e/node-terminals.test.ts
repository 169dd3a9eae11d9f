// `cria exec` and `cria attach` as a person uses them, on a terminal and in pipes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { after, afterEach, before, suite, test } from 'node:test';
import { command } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { Person } from '../harness/person.ts';
import { createContainer, runPod } from '../harness/pods.ts';
import { processesOf } from '../harness/proc.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';

/** A shell reads this: single quotes hold no quote. */
const quoted = (argv: readonly string[]): string => argv.map((word) => `'${word}'`).join(' ');

suite('cria exec and attach', { skip: missing('runc', 'stty') }, () => {
  let daemon: TestDaemon;
  const persons: Person[] = [];
  let podId = '';

  before(async () => {
    daemon = new TestDaemon();
    const image = await daemon.loadBusybox();
    await daemon.start();
    const pod = daemon.pod('terminals');
    podId = await runPod(daemon.client, pod);
    const start = async (name: string, script: string, terminal: boolean): Promise<void> => {
      const command = ['/bin/sh', '-c', script];
      const request = { name, image, command, terminal, stdin: terminal };
      const containerId = await createContainer(daemon.client, podId, pod, request);
      await daemon.client.runtime('StartContainer', { containerId });
    };
    await start('web', 'sleep 3600', false);
    await start('shell', 'while read line; do echo "got $line"; [ "$line" = end ] && exit 4; done', true);
  });

  afterEach(() => {
    for (const person of persons.splice(0)) person.hangUp();
  });

  after(() => daemon.destroy());

  /** At a shell's terminal: its settings before, the command, its exit code, and the settings after. */
  function atTerminal(...args: readonly string[]): Person {
    const command = quoted([process.execPath, ...daemon.argv(...args)]);
    const person = new Person(['/bin/sh', '-c', `stty -g; ${command}; echo "code=$?"; stty -g`]);
    persons.push(person);
    return person;
  }

  const settings = /^([0-9a-f]+(?::[0-9a-f]+)+)\r$/m;

  /** Waits for the end; the terminal must be as it was. */
  async function ends(person: Person, before: RegExpExecArray, code: number): Promise<void> {
    assert.equal((await person.sees(/code=(\d+)/))[1], String(code), person.screen);
    assert.equal((await person.sees(settings))[1], before[1], 'the terminal is not as it was');
    assert.equal(await person.exit, 0);
  }

  /** The one process of this daemon's with such a command line. */
  function pidOf(pattern: RegExp): number {
    const own = processesOf(daemon.root, daemon.cgroupParent).filter(({ command }) => pattern.test(command));
    assert.equal(own.length, 1, JSON.stringify(own));
    return own[0]!.pid;
  }

  /** Runs with something on its input; its output is bytes. */
  async function piped(input: Buffer, ...args: readonly string[]) {
    const child = spawn(process.execPath, daemon.argv(...args), { stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.stdin.end(input);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out: Buffer.concat(out), err };
  }

  test('the streams are apart, and the exit code is that of the command', async () => {
    const both = await daemon.attempt('exec', 'web', 'sh', '-c', 'echo out; echo err >&2; exit 42');
    assert.deepEqual(both, { exitCode: 42, stdout: 'out\n', stderr: 'err\n' });
    assert.equal((await daemon.attempt('exec', 'web', 'true')).exitCode, 0);
    assert.equal((await daemon.attempt('exec', 'web', 'sh', '-c', 'kill -TERM $$')).exitCode, 143);
  });

  test('what goes in comes out, and its end is an end', async () => {
    const input = randomBytes(8 * 1024 * 1024 + 1);
    const { code, out, err } = await piped(input, 'exec', '-i', 'web', 'cat');
    assert.deepEqual([code, err, out.length], [0, '', input.length]);
    const sum = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    assert.equal(sum(out), sum(input));
  });

  test('without --stdin the input of the command is empty', async () => {
    const { code, out } = await piped(Buffer.from('unwanted'), 'exec', 'web', 'cat');
    assert.deepEqual([code, out.toString()], [0, '']);
  });

  test('an input that nobody ends does not hold up the end', async () => {
    const child = spawn(process.execPath, daemon.argv('exec', '-i', 'web', 'true'), {
      stdio: ['pipe', 'inherit', 'inherit'],
    });
    assert.deepEqual(await once(child, 'exit'), [0, null]);
    child.stdin.destroy();
  });

  test('an input that cannot be read is told, and is no end of it', async () => {
    const memory = openSync('/proc/self/mem', 'r'); // nothing is at address 0
    const child = spawn(process.execPath, daemon.argv('exec', '-i', 'web', 'sh', '-c', 'cat; echo ended'), {
      stdio: [memory, 'pipe', 'pipe'],
    });
    closeSync(memory);
    let [out, err] = ['', ''];
    child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [code] = await once(child, 'close');
    assert.deepEqual([code, out, err], [1, '', 'cria: standard input cannot be read: EIO\n']);
  });

  test('who reads no more ends the command', async () => {
    const child = spawn(process.execPath, daemon.argv('exec', 'web', 'yes'), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.stdout.destroy();
    assert.deepEqual(await once(child, 'exit'), [141, null]);
  });

  test('what cannot be run is told', async () => {
    const program = await daemon.attempt('exec', 'web', '/no/such/program');
    assert.equal(program.exitCode, 1);
    assert.match(program.stderr, /no such file or directory/);
    const terminal = await piped(Buffer.from(''), 'exec', '-it', 'web', 'sh');
    assert.deepEqual(
      [terminal.code, terminal.err],
      [1, 'cria: standard input is no terminal: leave --tty out\n'],
    );
    assert.equal((await daemon.attempt('exec', 'web')).exitCode, 2);
  });

  test('on a terminal: keys, Ctrl-C, the size and its changes, the exit code', async () => {
    const person = atTerminal('exec', '-it', 'web', 'sh');
    const before = await person.sees(settings);
    await person.sees(/\/ # /);
    person.type('stty size; tty\r');
    await person.sees(/24 80\r\n\/dev\/pts\//);
    await person.interruptsAndResizes();
    person.type('exit 7\r');
    await ends(person, before, 7);
  });

  test('a terminal is as before also when cria is told to end', async () => {
    for (const [signal, code] of [
      ['SIGTERM', 143],
      ['SIGHUP', 129],
      ['SIGQUIT', 131],
    ] as const) {
      const person = atTerminal('exec', '-it', 'web', 'sh');
      const before = await person.sees(settings);
      await person.sees(/\/ # /);
      process.kill(pidOf(/ exec -it web sh$/), signal);
      await ends(person, before, code);
    }
  });

  test('who was stopped and goes on has the terminal again', async () => {
    const person = atTerminal('exec', '-it', 'web', 'sh');
    const before = await person.sees(settings);
    await person.sees(/\/ # /);
    const pid = pidOf(/ exec -it web sh$/);
    const stty = (words: string) => command(['/bin/sh', '-c', `stty ${words} < /proc/${pid}/fd/0`]);
    const raw = await stty('-g');
    process.kill(pid, 'SIGSTOP');
    await stty(before[1] ?? ''); // as a shell does
    process.kill(pid, 'SIGCONT');
    await until('the terminal is raw again', async () => (await stty('-g')) === raw);
    person.type('exit 7\r');
    await ends(person, before, 7);
  });

  test('who leaves by the detach keys leaves a container that goes on', async () => {
    const person = atTerminal('attach', '-it', 'shell');
    const before = await person.sees(settings);
    person.type('hello\r');
    await person.sees(/got hello\r/);
    person.type('\u0010');
    person.type('\u0011');
    await person.sees(/detached, the container goes on/);
    await ends(person, before, 0);
    const again = atTerminal('attach', '-it', '--detach-keys', 'ctrl-x', 'shell');
    const now = await again.sees(settings);
    again.type('end\r');
    await again.sees(/got end\r/);
    await ends(again, now, 0);
  });

  test('a cria that is killed leaves no command behind', async () => {
    const child = spawn(
      process.execPath,
      daemon.argv('exec', 'web', 'sh', '-c', 'echo begun; exec sleep 4321'),
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await once(child.stdout, 'data');
    const commands = () =>
      processesOf(daemon.root, daemon.cgroupParent).filter(({ command }) => command.includes('sleep 4321'));
    assert.ok(commands().length > 0);
    child.kill('SIGKILL');
    await until('the command is dead', () => commands().length === 0);
  });
});
