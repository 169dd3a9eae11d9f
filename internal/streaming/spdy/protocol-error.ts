// What ends a connection whose client does not speak the protocol.

/** Never leaves this folder: the session ends with it, and those who use the session hear that the client is gone. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';

  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}
