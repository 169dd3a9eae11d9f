import assert from 'node:assert/strict';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { silentLogger } from '../log/logger.ts';
import { listen } from './listen.ts';

const where = { host: '127.0.0.1', port: 0 };
const refusal = (why: string): string => `cannot have it (${why})`;

test('an address that is taken is told; connections that fail later end nothing, however many', async () => {
  const warnings: object[] = [];
  const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
  const server = createServer();
  await listen(server, where, refusal, logger);
  const { port } = server.address() as AddressInfo;
  const second = createServer();
  await assert.rejects(listen(second, { ...where, port }, refusal, logger), {
    kind: 'unavailable',
    message: 'cannot have it (EADDRINUSE)',
  });
  // As Node tells the errors of accept(2).
  for (const code of ['EPROTO', 'EMFILE']) server.emit('error', Object.assign(new Error(code), { code }));
  assert.equal(warnings.length, 2);
  await new Promise((resolve) => server.close(resolve));
});
