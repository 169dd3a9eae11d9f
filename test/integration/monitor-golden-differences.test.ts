// Where conmon 2.1 and cria-monitor differ on purpose: each difference is shown on both sides.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { content, type GoldenMonitor, missingGolden, useGoldenPair } from './golden.ts';
import { isAlive, makeGate, until } from './monitor-fixture.ts';

const reader = `echo ready; while read line; do [ "$line" = quit ] && break; echo "got $line"; done; echo end; exit 3`;

function terminalsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  const isTerminal = (fd: string): boolean => {
    try {
      return readlinkSync(join(folder, fd)) === '/dev/pts/ptmx';
    } catch {
      return false; // closed meanwhile
    }
  };
  return readdirSync(folder).filter(isTerminal).length;
}

describe('golden differences', { skip: missingGolden() }, () => {
  const pair = useGoldenPair();

  /** Shows it to both; `body` is told whose turn it is. */
  function both(name: string, body: (monitor: GoldenMonitor, isOurs: boolean) => Promise<void>): void {
    test(`${name}: conmon`, () => body(pair.conmon, false));
    test(`${name}: cria-monitor`, () => body(pair.cria, true));
  }

  both(
    'a client of a terminal ends its input once: the terminal is deaf, or not',
    async (monitor, isOurs) => {
      const container = await monitor.create(['sh', '-c', reader], {
        terminal: true,
        stdin: true,
        stdinOnce: true,
      });
      const first = await container.attach('eof');
      container.start();
      await until('ready', () => container.log().includes('ready'));
      await first.write('one\n');
      await until('the answer', () => first.stdout().includes('got one'));
      first.end();
      // Of the terminal conmon has one descriptor to read and one to write: it must have seen the end before the next client.
      if (!isOurs) await until('its input is closed', () => terminalsOf(container.monitorPid) === 1);
      const second = await container.attach('eof');
      await second.write('quit\n');
      if (isOurs) {
        assert.equal(await container.exitFile(), '3');
      } else {
        await new Promise((resolve) => setTimeout(resolve, 300));
        assert.ok(isAlive(container.pid) && !container.log().includes('end'), 'its input is lost');
        container.signal(9);
        assert.equal(await container.exitFile(), '137');
      }
    },
  );

  both('a reopen without a rename: the log is destroyed, or kept', async (monitor, isOurs) => {
    const container = await monitor.create(['sh', '-c', 'echo one; sleep 100000'], { linux: {} });
    container.start();
    await until('one', () => container.log().includes('one'));
    await container.reopenLog();
    assert.equal(content(container.log(), 'stdout'), isOurs ? 'one\n' : '');
    container.signal(9);
    assert.equal(await container.exitFile(), '137');
  });

  both('a client that does not read: the container stops, or goes on', async (monitor, isOurs) => {
    const script = 'echo ready; read go; head -c 4000000 /dev/zero | tr "\\0" x; exit 5';
    const container = await monitor.create(['sh', '-c', script], { stdin: true });
    const slow = await container.attach('eof', 'drop');
    container.start();
    await until('ready', () => slow.stdout().includes('ready'));
    slow.pause();
    const other = await container.attach('eof', 'drop');
    await other.write('go\n');
    if (isOurs) {
      assert.equal(await container.exitFile(), '5');
    } else {
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.ok(isAlive(container.pid), 'it waits for a client');
    }
    slow.resume();
    assert.equal(await container.exitFile(), '5');
    assert.equal(content(container.log(), 'stdout').length, 4_000_006);
  });

  both('what an orphan writes after the init has ended: it is lost, or logged', async (monitor, isOurs) => {
    const namespaces = ['ipc', 'uts', 'mount', 'network'].map((type) => ({ type })); // the host's processes
    const gate = makeGate(pair.world);
    const script = `(${gate.wait}; echo late) & echo now; exit 4`;
    const container = await monitor.create(['sh', '-c', script], { linux: { namespaces } });
    container.start();
    assert.equal(await container.exitFile(), '4');
    gate.open();
    if (isOurs) await until('the late line', () => content(container.log(), 'stdout') === 'now\nlate\n');
    else await new Promise((resolve) => setTimeout(resolve, 800));
    assert.equal(content(container.log(), 'stdout'), isOurs ? 'now\nlate\n' : 'now\n');
  });

  both('the monitor is killed: the exit code is lost, or not', async (monitor, isOurs) => {
    const script = 'trap "exit 21" TERM; echo ready; while true; do sleep 0.02; done';
    const container = await monitor.create(['sh', '-c', script]);
    container.start();
    await until('ready', () => container.log().includes('ready'));
    process.kill(container.monitorPid, 'SIGKILL');
    await until('it is gone', () => !isAlive(container.monitorPid));
    container.signal(15);
    await until('the container has ended', () => !isAlive(container.pid));
    assert.equal(await container.exitFile(), isOurs ? '21' : 'none');
  });

  both('a full disk: a record is torn, or none', async (monitor, isOurs) => {
    const folder = join(pair.world.root, `small-${monitor.name}`);
    mkdirSync(folder);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]);
    try {
      const script = `i=0; while [ $i -lt 4000 ]; do echo $i ${'x'.repeat(90)}; i=$((i+1)); done
        echo full >&2; trap 'echo after; exit 9' USR1; while true; do sleep 0.02; done`;
      const container = await monitor.create(['sh', '-c', script], { logPath: join(folder, 'log') });
      const client = await container.attach('eof');
      container.start();
      await until('the disk is full', () => client.stderr().includes('full'));
      execFileSync('mount', ['-o', 'remount,size=8m', folder]);
      container.signal(10);
      assert.equal(await container.exitFile(), '9');
      const torn = container
        .log()
        .split('\n')
        .slice(0, -1)
        .filter((line) => !/^\S+ std(out|err) [PF] (\d+ x{90}|full|after|\[cria: .*\])$/.test(line));
      assert.equal(torn.length > 0, !isOurs, JSON.stringify(torn));
    } finally {
      execFileSync('umount', ['-l', folder]);
    }
  });
});
