// What a monitor may cost on a node with hundreds of them: private memory while nothing happens and in a burst of
// output, and not one wakeup while its container is silent.

import assert from 'node:assert/strict';
import { rmSync, statSync } from 'node:fs';
import { describe, test } from 'node:test';
import { findProgram } from '../harness/command.ts';
import { monitorPath, productPath } from '../harness/monitor-build.ts';
import { ownKiB } from '../harness/proc.ts';
import { missing, until, untilAtRest, useWorld } from './monitor-fixture.ts';

const idleKiB = 48;
const burstKiB = 300;

function lacks(): string | false {
  if (monitorPath !== productPath) return 'measures the product only';
  if (findProgram('musl-gcc') === undefined)
    return 'needs musl-gcc: with another C library a monitor is larger';
  return missing();
}

describe('the budget of a monitor', { skip: lacks() }, () => {
  const world = useWorld();

  async function running(script: string, logPath?: string): Promise<{ id: string; monitor: number }> {
    const { id, created } = await world.create(
      ['sh', '-c', script],
      logPath === undefined ? {} : { logPath },
    );
    world.start(id);
    return { id, monitor: created.monitorPid };
  }

  /** The most that was seen during a burst of so many bytes, of which nothing is left after it. */
  async function peakOf(script: string, bytes: number): Promise<number> {
    const logPath = `${world.root}/logs/burst`;
    const { id, monitor } = await running(script, logPath);
    let peak = 0;
    const sample = () => {
      peak = Math.max(peak, ownKiB(monitor));
      return statSync(logPath).size > bytes;
    };
    await until('everything is in the log', sample);
    await until(
      () => `the memory is given back: ${ownKiB(monitor)} KiB`,
      () => ownKiB(monitor) <= idleKiB,
    );
    await world.monitors.remove(id);
    rmSync(logPath);
    return peak;
  }

  test(`silent containers: ${idleKiB} KiB of private memory, and the monitors sleep`, async () => {
    const monitors: number[] = [];
    for (let n = 0; n < 5; n++) monitors.push((await running('echo one line; exec sleep 100000')).monitor);
    await until(
      () => `the memory of the start is given back: ${monitors.map(ownKiB)} KiB`,
      () => monitors.every((pid) => ownKiB(pid) <= idleKiB),
    );
    await Promise.all(monitors.map((pid) => untilAtRest(pid, 3_000)));
  });

  for (const [name, bytes, script] of [
    ['short lines', 20_000_000, 'yes | head -c 20000000; exec sleep 100000'],
    ['no newline', 100_000_000, 'head -c 100000000 /dev/zero; exec sleep 100000'],
    [
      'both streams',
      60_000_000,
      'yes 0123456789 | head -c 30000000 & yes 9876543210 | head -c 30000000 >&2; wait; exec sleep 100000',
    ],
  ] as const) {
    test(`a burst, ${name}: ${burstKiB} KiB at most, and all of it is given back`, async () => {
      let peak = 0;
      // On a busy machine a burst can be over before anybody has looked.
      await until(
        () => `a burst is seen: ${peak} KiB at most`,
        async () => {
          peak = await peakOf(script, bytes);
          return peak > idleKiB;
        },
      );
      assert.ok(peak <= burstKiB, `${peak} KiB`);
    });
  }
});
