import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Runs node with a standard output whose reader has gone; resolves with the exit code and what it said. */
async function runUnread(argv: readonly string[]): Promise<[code: number | null, stderr: string]> {
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  const [[code], stderr] = await Promise.all([once(child, 'close'), text(child.stderr)]);
  return [code, stderr];
}

test('a reader that leaves early ends no command with a stack', async () => {
  const main = fileURLToPath(import.meta.resolve('../main.js'));
  assert.deepEqual(await runUnread([main, 'config', '--default']), [0, '']);
});

test('bytes that nobody reads are a failure', async () => {
  const script = `import { processTerminal } from ${JSON.stringify(import.meta.resolve('./terminal.js'))};
    const terminal = processTerminal();
    for (let n = 0; n < 2; n += 1)
      await terminal.write(Buffer.alloc(1 << 20)).catch(({ message }) => process.stderr.write(message + '\\n'));`;
  const said = 'standard output was closed before its end\n';
  assert.deepEqual(await runUnread(['--input-type=module', '-e', script]), [0, said.repeat(2)]);
});

test('a result that cannot be written is told without a stack, and is a failure', async () => {
  const main = fileURLToPath(import.meta.resolve('../main.js'));
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [main, 'config', '--default'], { stdio: ['ignore', full, 'pipe'] });
  closeSync(full);
  assert(child.stderr !== null);
  const [[code], stderr] = await Promise.all([once(child, 'close'), text(child.stderr)]);
  assert.deepEqual([code, stderr], [1, 'cria: standard output cannot be written: ENOSPC\n']);
});
