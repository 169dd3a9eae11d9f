import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Terminal } from './cli/terminal.ts';
import { interruptible } from './interruptible.ts';

const said: string[] = [];
const terminal: Terminal = {
  out() {},
  err: (text) => void said.push(text),
  write: async () => {},
  screen: () => undefined,
  showsResult: false,
};

test('a command that an interruption ends has the exit code of its signal', async () => {
  const code = await interruptible(terminal, async (signal) => {
    process.emit('SIGTERM', 'SIGTERM');
    signal.throwIfAborted();
    return 0;
  });
  assert.equal(code, 143);
  assert.deepEqual(said, ['cria: interrupted\n']);
});

test('what must not be cut off goes on, however often Ctrl-C is pressed', async () => {
  const code = await interruptible(terminal, async () => {
    for (let times = 0; times < 3; times += 1) {
      assert.equal(process.listenerCount('SIGINT'), 1, 'the next signal would end the process');
      process.emit('SIGINT', 'SIGINT');
    }
    return 7;
  });
  assert.equal(code, 7);
  assert.equal(process.listenerCount('SIGINT'), 0);
});
