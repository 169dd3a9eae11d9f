// A server on an address, and what goes wrong there: at once or later.

import type { ListenOptions, Server } from 'node:net';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import type { Logger } from '../log/logger.ts';

/**
 * Binds the server. `unavailable` when the address is not to be had, with the text that `refusal` makes of the errno.
 *
 * What fails later is one connection, which the kernel has dropped: accept(2) tells the errors of the network too, and a process
 * can be out of descriptors. That is logged and ends nothing.
 */
export async function listen(
  server: Server,
  where: ListenOptions,
  refusal: (why: string) => string,
  logger: Logger,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause: unknown): void =>
      reject(new DaemonError('unavailable', refusal(errnoCode(cause) ?? 'unknown error'), cause));
    server.once('error', refuse);
    server.listen(where, () => {
      server.off('error', refuse);
      resolve();
    });
  });
  server.on('error', (cause) => logger.warn({ error: describeError(cause) }, 'a connection was lost'));
}
