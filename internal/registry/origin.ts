// Where a registry is spoken to: by https, or, for one that is marked insecure, by whatever it speaks.

import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import { isInwardHost } from './address-guard.ts';
import type { HttpTransport } from './http-transport.ts';
import { fromNetworkError } from './registry-error.ts';
import type { Peer } from './trust-store.ts';

export interface Origin {
  /** The host (and port) as references name it; used in texts. */
  readonly host: string;
  /** Scheme, host and port, with path `/`. */
  readonly url: URL;
  /** Marked insecure: certificates are not checked, and it may do without TLS. */
  readonly insecure: boolean;
}

/** The host that serves docker.io's images. */
const dockerHubHost = 'registry-1.docker.io';
/** How long it is remembered what an insecure registry speaks. */
const rememberedMs = 10 * 60_000;

/**
 * How TLS is checked at `url`, the registry's own or one that it sends us to. As in containers/image the registry's
 * authorities hold for those as well; its client certificate does not: only hosts with a folder of their own see one.
 */
export function peerAt(url: URL, { host, url: own, insecure }: Origin): Peer {
  const isOwn = url.origin === own.origin;
  const mustBeOutside = !isOwn && !isInwardHost(own.hostname);
  return { names: isOwn ? [host] : [url.host, host], verify: !insecure, mustBeOutside };
}

/** Finds out how to speak to registries, and remembers it. */
export class Locator {
  readonly #transport: HttpTransport;
  readonly #known = new Map<string, { origin: Origin; untilMs: number }>();

  constructor(transport: HttpTransport) {
    this.#transport = transport;
  }

  /**
   * An insecure registry is tried by https without a check of its certificate, then by http; a secure one is not
   * contacted here. `invalid-argument` for a host that no address can have.
   */
  async locate(host: string, insecure: boolean, signal: AbortSignal): Promise<Origin> {
    const secure = { host, url: urlOf('https', host), insecure };
    if (!insecure) return secure;
    const nowMs = performance.now();
    for (const [name, { untilMs }] of this.#known) if (untilMs <= nowMs) this.#known.delete(name);
    const known = this.#known.get(host);
    if (known !== undefined) return known.origin;
    const origin = await this.#probe([secure, { host, url: urlOf('http', host), insecure }], signal);
    this.#known.set(host, { origin, untilMs: nowMs + rememberedMs });
    return origin;
  }

  /** After a failure: the registry may speak otherwise now. */
  forget(host: string): void {
    this.#known.delete(host);
  }

  async #probe(origins: readonly Origin[], signal: AbortSignal): Promise<Origin> {
    let refusal: unknown;
    for (const origin of origins) {
      try {
        const url = new URL('/v2/', origin.url);
        const request = { method: 'GET', url, headers: {}, peer: peerAt(url, origin) } as const;
        const response = await this.#transport.send(request, signal);
        await response.discard();
        return origin;
      } catch (cause) {
        signal.throwIfAborted();
        refusal = fromNetworkError(origin.host, cause);
        if (isAway(cause, origin.url)) break;
      }
    }
    throw refusal;
  }
}

/** True for a failure that says the same of http: another minute of waiting would tell nothing. */
function isAway(cause: unknown, { port }: URL): boolean {
  const code = errnoCode(cause) ?? '';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return true;
  return port !== '' && ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTREACHED'].includes(code);
}

function urlOf(scheme: 'http' | 'https', host: string): URL {
  const text = `${scheme}://${host === 'docker.io' ? dockerHubHost : host}/`;
  // The grammar of references lets a port of 99999 and an address of five numbers pass.
  if (URL.canParse(text)) return new URL(text);
  throw new DaemonError('invalid-argument', `registry "${host}" is not a valid host or port`);
}
