// Ends parts of which one does not end: a thread of the pool waits in a call of the kernel. Not a test: stop-limit.test.ts
// starts it.

import { open } from 'node:fs/promises';
import { Closing } from '../../cmd/cria/closing.ts';
import { createLogger } from '../../cmd/cria/logger.ts';

const [fifo = '', limitMs = ''] = process.argv.slice(2);
const closing = new Closing(createLogger('info', 'json'));
closing.add('the lock', () => void process.stdout.write('unlocked\n'));
closing.add('the parts', async (at) => {
  at('the image store');
  await open(fifo, 'r'); // nobody writes
});
closing.add('the calls', () => void process.stdout.write('cut\n'));
closing.limit(Number(limitMs));
await closing.end();
