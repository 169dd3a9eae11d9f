// The role `spawner` of the native monitor: commands that it runs in the place of the daemon.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { silentLogger } from '../../internal/log/logger.ts';
import { Spawner } from '../../internal/monitor/spawner.ts';
import { SpawnerRunner } from '../../internal/monitor/spawner-runner.ts';
import { ProcessError } from '../../internal/process/process-error.ts';
import { monitorPath } from '../harness/monitor-build.ts';
import { commandOf, processIds } from '../harness/proc.ts';
import { patienceMs } from '../harness/until.ts';
import { isAlive, until } from './monitor-fixture.ts';

const never = new AbortController().signal;
const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', MARK: 'a b=c' };
const options = { env, timeoutMs: patienceMs };
const sh = (script: string): string[] => ['/bin/sh', '-c', script];

function failure(check: (error: ProcessError) => void): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof ProcessError, String(error));
    check(error);
    return true;
  };
}

describe('spawner', () => {
  const spawner = new Spawner({ monitorPath, logger: silentLogger });
  const runner = new SpawnerRunner(spawner);
  after(() => spawner.close());

  test('output, environment, directory', async () => {
    const result = await runner.run(
      sh('echo "$MARK"; pwd; echo err >&2'),
      { ...options, cwd: '/usr' },
      never,
    );
    assert.deepEqual(result, { stdout: 'a b=c\n/usr\n', stderr: 'err\n' });
  });

  test('stdin of any size arrives whole', async () => {
    const stdin = 'é'.repeat(700_000);
    const { stdout } = await runner.run(sh('wc -c'), { ...options, stdin }, never);
    assert.equal(Number(stdout), 1_400_000);
    assert.equal((await runner.run(sh('cat'), { ...options, stdin: '' }, never)).stdout, '');
    assert.equal((await runner.run(sh('cat'), options, never)).stdout, '');
  });

  test('a failing command rejects with its code and words', async () => {
    const running = runner.run(sh('echo why >&2; exit 5'), options, never);
    await assert.rejects(
      running,
      failure(({ failure: { exitCode, stderr } }) => {
        assert.equal(exitCode, 5);
        assert.equal(stderr, 'why\n');
      }),
    );
    await assert.rejects(
      runner.run(sh('kill -TERM $$'), options, never),
      failure((error) => assert.equal(error.failure.signalName, 'SIGTERM')),
    );
    await assert.rejects(
      runner.run(['/no/such/program'], options, never),
      failure((error) => assert.match(error.message, /could not be started.*No such file/)),
    );
  });

  test('bytes that are not UTF-8 come as U+FFFD', async () => {
    assert.equal((await runner.run(sh('printf "a\\377b"'), options, never)).stdout, 'a\ufffdb');
  });

  test('at the timeout the group is killed', async () => {
    const seconds = 10_000_000 + process.pid; // by which its processes are found, whether they all began or not
    await assert.rejects(
      runner.run(sh(`sleep ${seconds} & wait`), { env, timeoutMs: 300 }, never),
      failure((error) => assert.equal(error.failure.timedOut, true)),
    );
    const left = () => processIds().filter((pid) => commandOf(pid).includes(`sleep ${seconds}`));
    await until('all are dead', () => left().length === 0);
  });

  test('an abort kills the command and rejects with its reason', async () => {
    const abort = new AbortController();
    void setTimeout(100).then(() => abort.abort(new Error('enough')));
    await assert.rejects(runner.run(sh('sleep 1000'), options, abort.signal), { message: 'enough' });
  });

  test('an abort kills a command that has closed its output', async () => {
    const pidFile = join(mkdtempSync(join(tmpdir(), 'cria-spawner-')), 'pid');
    const abort = new AbortController();
    const script = `exec >&- 2>&-; echo $$ > ${pidFile}; exec sleep 1000`;
    const rejected = assert.rejects(runner.run(sh(script), options, abort.signal), { message: 'enough' });
    await until('it runs', () => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '');
    await setTimeout(50); // the spawner has seen the end of both
    abort.abort(new Error('enough'));
    await rejected;
    await until('it is dead', () => !isAlive(Number(readFileSync(pidFile, 'utf8'))));
    rmSync(join(pidFile, '..'), { recursive: true });
  });

  test('a command that the spawner cannot take is refused and harms no other', async () => {
    const running = runner.run(sh('sleep 0.3; echo well'), options, never);
    await assert.rejects(runner.run(['/bin/echo', 'a\0b'], options, never), /NUL/);
    await assert.rejects(runner.run(['/bin/echo', 'x'.repeat(2 << 20)], options, never), /too long/);
    assert.equal((await runner.run(['/bin/echo', '-n', '\\u0000'], options, never)).stdout, '\\u0000');
    assert.equal((await running).stdout, 'well\n');
  });

  test('a signal that many calls share is quiet', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', onWarning);
    const shared = new AbortController();
    await Promise.all(Array.from({ length: 20 }, () => runner.run(['/bin/true'], options, shared.signal)));
    await setTimeout(0);
    process.off('warning', onWarning);
    assert.deepEqual(warnings, []);
  });

  test('a grandchild that holds the pipes delays nothing', async () => {
    const { stdout } = await runner.run(sh('sleep 1000 & echo $!'), options, never);
    const grandchild = Number(stdout);
    assert.ok(isAlive(grandchild), 'it was waited for, or killed');
    process.kill(grandchild, 'SIGKILL');
  });

  test('output beyond 1 MiB is dropped, the command runs on', async () => {
    const { stdout } = await runner.run(sh('head -c 5000000 /dev/zero; echo end >&2'), options, never);
    assert.equal(stdout.length, 1 << 20);
  });

  test('of more output than 1 MiB the beginning is kept, in whatever pieces it comes', async () => {
    const { stdout } = await runner.run(sh('printf x; sleep 0.2; seq 1000000'), options, never);
    const all = Array.from({ length: 200_000 }, (_, at) => `${at + 1}\n`).join('');
    assert.ok(stdout === `x${all}`.slice(0, 1 << 20), `${stdout.length} bytes`);
  });

  test('fifty at once', async () => {
    const all = Array.from({ length: 50 }, (_, at) =>
      runner.run(sh(`head -c 100000 /dev/zero | tr '\\0' x; echo ${at}`), options, never),
    );
    for (const [at, { stdout }] of (await Promise.all(all)).entries())
      assert.equal(stdout, `${'x'.repeat(100_000)}${at}\n`);
  });

  test('leaves no files or zombies in the spawner', async () => {
    const pid = spawnerPid();
    await until('few files', () => readdirSync(`/proc/${pid}/fd`).length <= 6);
    const zombies = () => processIds().filter((child) => isZombieOf(child, pid));
    await until('no zombies', () => zombies().length === 0);
  });

  /** A command that makes files at its begin and end, and the death of the spawner in between. */
  async function orphan(script: string, timeoutMs: number, signal = never): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), 'cria-spawner-'));
    await spawner.hello();
    const { pid } = spawner;
    assert.ok(pid !== undefined);
    const failed = assert.rejects(
      runner.run(sh(`cd ${folder}; echo $$ > begun; ${script}`), { env, timeoutMs }, signal),
      signal === never
        ? failure((error) => assert.match(error.message, /sh was lost: the spawner ended while .* ran/))
        : /enough/,
    );
    await until('it runs', () => existsSync(join(folder, 'begun')));
    await runner.run(['/bin/true'], options, never); // after what the spawner says of the one before
    process.kill(pid, 'SIGKILL');
    const again = await runner.run(sh('echo again'), options, never);
    assert.equal(again.stdout, 'again\n', 'others do not wait');
    await failed;
    assert.ok(!isAlive(Number(readFileSync(join(folder, 'begun'), 'utf8'))), 'the command has ended');
    return folder;
  }

  test('is started again after it died; who called a command that ran hears of it when that has ended', async () => {
    const folder = await orphan('sleep 1; echo > end', 20_000);
    assert.ok(existsSync(join(folder, 'end')), 'nobody has killed it');
    rmSync(folder, { recursive: true });
  });

  test('a command without its spawner ends at its deadline, with what it has started', async () => {
    const folder = await orphan('sleep 1000 & echo $! > child; wait', 1_500);
    await until('its child is dead', () => !isAlive(Number(readFileSync(join(folder, 'child'), 'utf8'))));
    rmSync(folder, { recursive: true });
  });

  test('a command without its spawner can be aborted', async () => {
    const abort = new AbortController();
    spawner.onRestart(() => abort.abort(new Error('enough')));
    rmSync(await orphan('sleep 1000', 20_000, abort.signal), { recursive: true });
  });

  test('commands that meet the death of the spawner run once, or the caller hears that they are lost', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cria-spawner-'));
    const linesOf = (name: string): number =>
      existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8').length : 0;
    const other = new Spawner({ monitorPath, logger: silentLogger });
    const run = async (name: string): Promise<void> => {
      const lost = await new SpawnerRunner(other)
        .run(sh(`echo >> ${join(folder, name)}`), options, never)
        .then(
          () => false,
          (cause: Error) => /was lost/.test(cause.message) || cause,
        );
      assert.ok(typeof lost === 'boolean', String(lost));
      if (!lost) assert.equal(linesOf(name), 1, `${name} has run ${linesOf(name)} times`);
      else assert.ok(linesOf(name) <= 1);
    };
    for (let round = 0; round < 6; round++) {
      await other.hello();
      const before = Array.from({ length: 5 }, (_, at) => run(`${round}-before-${at}`));
      await setTimeout(round % 3);
      assert.ok(other.pid !== undefined);
      process.kill(other.pid, 'SIGKILL');
      const after = Array.from({ length: 5 }, (_, at) => run(`${round}-after-${at}`));
      await Promise.all([...before, ...after]);
    }
    await other.close();
    rmSync(folder, { recursive: true });
  });

  test('close gives up a command, which goes on to its end', async () => {
    const done = join(mkdtempSync(join(tmpdir(), 'cria-spawner-')), 'done');
    const other = new Spawner({ monitorPath, logger: silentLogger });
    const rejected = assert.rejects(
      new SpawnerRunner(other).run(sh(`echo > ${done}.begun; sleep 2.5; echo > ${done}`), options, never),
    );
    await until('it runs', () => existsSync(`${done}.begun`));
    await other.close();
    await rejected;
    await until('it has ended by itself', () => existsSync(done));
    rmSync(join(done, '..'), { recursive: true });
  });

  function isZombieOf(child: number, parent: number): boolean {
    try {
      return readFileSync(`/proc/${child}/stat`, 'utf8').includes(`) Z ${parent} `);
    } catch {
      return false;
    }
  }

  function spawnerPid(): number {
    const found = readdirSync('/proc').find((name) => {
      if (!/^\d+$/.test(name)) return false;
      try {
        const parent = /\) . (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8'))?.[1];
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8');
        return Number(parent) === process.pid && command === `${monitorPath}\0spawner\0`;
      } catch {
        return false;
      }
    });
    return Number(found);
  }
});
