// Where a registry is spoken to: by https, or, for one that is marked insecure, by whatever it speaks.

import { DaemonError } from '../errors/daemon-error.ts';
import type { HttpTransport } from './http-transport.ts';
import { fromNetworkError } from './registry-error.ts';

export interface Origin {
  /** The host (and port) as references name it; used in texts. */
  readonly host: string;
  /** Scheme, host and port, with path `/`. */
  readonly url: URL;
  readonly verifyTls: boolean;
}

/** The host that serves docker.io's images. */
const dockerHubHost = 'registry-1.docker.io';

/**
 * Finds out how to speak to `host`. An insecure registry is tried by https without a check of its certificate, then
 * by http; a secure one is not contacted here. `invalid-argument` for a host that no address can have.
 */
export async function locate(
  transport: HttpTransport,
  host: string,
  insecure: boolean,
  signal: AbortSignal,
): Promise<Origin> {
  const address = host === 'docker.io' ? dockerHubHost : host;
  // The grammar of references lets a port of 99999 and an address of five numbers pass.
  if (!URL.canParse(`https://${address}/`)) {
    throw new DaemonError('invalid-argument', `registry "${host}" is not a valid host or port`);
  }
  const secure = { host, url: new URL(`https://${address}/`), verifyTls: !insecure };
  if (!insecure) return secure;
  const plain = { host, url: new URL(`http://${address}/`), verifyTls: false };
  let refusal: unknown;
  for (const origin of [secure, plain]) {
    try {
      const url = new URL('/v2/', origin.url);
      const response = await transport.send({ method: 'GET', url, headers: {}, verifyTls: false }, signal);
      await response.discard();
      return origin;
    } catch (cause) {
      signal.throwIfAborted();
      refusal = cause;
    }
  }
  throw fromNetworkError(host, refusal);
}
