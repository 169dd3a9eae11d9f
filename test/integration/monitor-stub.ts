// OCI runtimes that do what no runtime should, as shell scripts; and what must not be left of them.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonError, ErrorKind } from '../../internal/errors/daemon-error.ts';
import type { MonitorRequest } from '../../internal/monitor/monitor.ts';
import { until, type World } from './monitor-fixture.ts';

/** `$pidfile` and `$console` are what follows --pid-file and --console-socket, `$id` the last argument; deletions succeed and are noted. */
const head = `#!/bin/sh
case "$*" in *delete*) echo deleted >> "$0.log"; exit 0;; esac
while [ $# -gt 0 ]; do
  [ "$1" = --pid-file ] && pidfile=$2; [ "$1" = --console-socket ] && console=$2; id=$1; shift
done
`;

/** A runtime whose create is `script`. Its children are named \`sleep 666N\`, so that they are found. */
export interface Stub {
  readonly name: string;
  readonly script: string;
  /** What the daemon says of it. */
  readonly message: RegExp;
  readonly kind?: ErrorKind;
  readonly extra?: Partial<MonitorRequest>;
}

/** Writes the runtime; returns its path. */
export function writeStub(world: World, script: string): string {
  const path = join(world.root, 'stub');
  writeFileSync(path, head + script, { mode: 0o755 });
  writeFileSync(`${path}.log`, '');
  return path;
}

/** How often the runtime was asked to delete. */
export function deletionsOf(stubPath: string): number {
  return readFileSync(`${stubPath}.log`, 'utf8').split('\n').length - 1;
}

export function commandLines(): string[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) ? [readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')] : [];
    } catch {
      return [];
    }
  });
}

export async function assertNothingLeft(world: World, request: MonitorRequest): Promise<void> {
  const { containerId } = request;
  assert.deepEqual(await world.monitors.list(), []);
  assert.deepEqual(readdirSync(join(world.root, 'm')), []);
  for (const folder of ['exits', 'codes']) assert.deepEqual(readdirSync(join(world.root, folder)), []);
  assert.deepEqual(readdirSync(request.bundle), ['config.json']);
  await until('no process is left', () => {
    const lines = commandLines();
    return !lines.some((line) => line.includes(containerId) || /^sleep 666\d/.test(line));
  });
}

/** Lets it create a container: that must fail with its words, at once, and leave nothing. */
export async function assertRefused(
  world: World,
  { script, message, kind = 'unknown', extra }: Stub,
): Promise<void> {
  const runtimePath = writeStub(world, script);
  const request = world.request(['true'], { runtimePath, ...extra });
  await assert.rejects(world.monitors.create(request), (error: DaemonError) => {
    assert.match(error.message, message);
    assert.ok(error.message.includes(`"${request.name}"`), 'the object is named');
    assert.ok(!error.message.includes(request.containerId), 'the next attempt has the same text');
    assert.equal(error.kind, kind);
    return true;
  });
  assert.equal(deletionsOf(runtimePath), 1);
  assert.ok(!existsSync(join(request.bundle, 'pid')));
  await assertNothingLeft(world, request);
}
