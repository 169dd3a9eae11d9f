// What the URL of a stream is good for: a secret that names what was asked for, for one connection within a minute.

import { randomBytes } from 'node:crypto';
import { DaemonError } from '../errors/daemon-error.ts';

/** 144 bits; base64url without padding. */
const tokenBytes = 18;
/** As other runtimes have it: the kubelet connects at once. */
const lifeMs = 60_000;
/** Who asks for URLs and does not use them must not fill the memory. */
const waitingMax = 1000;

interface Waiting<Ticket> {
  readonly ticket: Ticket;
  readonly expiresAtMs: number;
}

/** Keeps what was asked for, at most a thousand times, until its client comes or a minute is over. */
export class StreamTickets<Ticket> {
  /** In order of their end. */
  readonly #waiting = new Map<string, Waiting<Ticket>>();
  readonly #now: () => number;

  /** `now` is in milliseconds, and never goes back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A token that `redeem` takes once within a minute. `resource-exhausted` when 1000 wait already. */
  issue(ticket: Ticket): string {
    this.#dropExpired();
    if (this.#waiting.size >= waitingMax) {
      const text = `${waitingMax} streams were asked for and not used: maximum number of in-flight requests exceeded`;
      throw new DaemonError('resource-exhausted', `${text}; ask again in a minute`);
    }
    const token = randomBytes(tokenBytes).toString('base64url');
    this.#waiting.set(token, { ticket, expiresAtMs: this.#now() + lifeMs });
    return token;
  }

  /** Undefined for a token that is unknown, was used or is too old. */
  redeem(token: string): Ticket | undefined {
    const found = this.#waiting.get(token);
    this.#waiting.delete(token);
    return found !== undefined && found.expiresAtMs > this.#now() ? found.ticket : undefined;
  }

  #dropExpired(): void {
    const now = this.#now();
    for (const [token, { expiresAtMs }] of this.#waiting) {
      if (expiresAtMs > now) return;
      this.#waiting.delete(token);
    }
  }
}
