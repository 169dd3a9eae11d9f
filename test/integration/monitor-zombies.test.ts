// Processes that nobody waits for: whatever an exec leaves to its monitor, or to whom that leaves it, is reaped.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { scriptedRuntime } from '../fakes/scripted-runtime.ts';
import { makeWorld, missing, until } from './monitor-fixture.ts';

describe('children of execs', { skip: missing() }, () => {
  const world = makeWorld();
  after(() => world.close());

  test('after 1,000 execs there is no zombie', async () => {
    const runtimePath = scriptedRuntime(world.root, {
      create: 'sleep 1000 & echo $! >"$pid_file"',
      // The command outlives the runtime, and its own children outlive it.
      exec: '(sleep 0.1 & sh -c "sleep 0.1 &"; while kill -0 $$; do :; done; exit 3) & echo $! >"$pid_file"',
    });
    const { id, request } = await world.create(['unused'], { runtimePath });
    const { runtimeArgs, env } = request;
    const one = async () => {
      const exec = {
        containerId: id,
        runtimePath,
        runtimeArgs,
        env,
        process: {},
        cgroup: undefined,
        timeoutMs: 60_000,
      };
      const result = await world.monitors.execSync(
        { ...exec, maxOutputBytes: 1024 },
        new AbortController().signal,
      );
      assert.equal(result.exitCode, 3);
    };
    const worker = async () => {
      for (let done = 0; done < 125; done++) await one();
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    await until('no zombie is left', () => zombiesBelow(process.pid).length === 0);
  });
});

/** Zombies among the descendants of a process, with their parents' names. */
function zombiesBelow(pid: number): string[] {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        const text = readFileSync(`/proc/${name}/stat`, 'utf8');
        const [state, parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
        return { pid: Number(name), state, parent: Number(parent) };
      } catch {
        return undefined; // it is gone
      }
    })
    .filter((stat) => stat !== undefined);
  const below = new Set([pid]);
  for (let size = 0; size !== below.size; ) {
    size = below.size;
    for (const stat of stats) if (below.has(stat.parent)) below.add(stat.pid);
  }
  return stats
    .filter((stat) => stat.state === 'Z' && below.has(stat.pid))
    .map((stat) => `${stat.pid} of ${stat.parent}`);
}
