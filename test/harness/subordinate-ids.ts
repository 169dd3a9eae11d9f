// Lines of a user of the test's own in /etc/subuid and /etc/subgid. Those of others stay as they are.

import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tryLockFile } from '../../internal/sys/file-lock.ts';

const files = { uids: '/etc/subuid', gids: '/etc/subgid' } as const;
/** Files that were not there. */
const made = new Set<string>();

export interface Subordinates {
  readonly uids: readonly string[];
  readonly gids: readonly string[];
}

/** Puts `USER:RANGE` for each range, in the place of the lines that the user had. Test runs at the same time take turns. */
export function setSubordinateIds(user: string, ranges: Subordinates): void {
  const lock = openSync(join(tmpdir(), 'cria-test-subordinate-ids.lock'), 'a');
  try {
    while (!tryLockFile(lock, 'write')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    for (const kind of ['uids', 'gids'] as const)
      setLines(
        files[kind],
        `${user}:`,
        ranges[kind].map((range) => `${user}:${range}\n`),
      );
  } finally {
    closeSync(lock); // releases it
  }
}

function setLines(path: string, beginning: string, lines: readonly string[]): void {
  if (!existsSync(path)) made.add(path);
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const others = before.split(/(?<=\n)/).filter((line) => !line.startsWith(beginning));
  if (lines.length > 0 && /[^\n]$/.test(others.at(-1) ?? '')) others.push('\n');
  const text = [...others, ...lines].join('');
  if (text === before) return;
  if (text === '' && made.has(path)) {
    rmSync(path);
    return;
  }
  const mode = existsSync(path) ? statSync(path).mode & 0o777 : 0o644;
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, path);
}
