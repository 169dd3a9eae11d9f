// Single flight for requests that name what they make: the name is the key, and the whole request must be the same.

import { isDeepStrictEqual } from 'node:util';
import { DaemonError } from '../errors/daemon-error.ts';
import { SingleFlight } from './single-flight.ts';

/** Joins only callers that ask for the same: another request under a name in work is refused, not joined. */
export class RequestFlight<T> {
  readonly #what: string;
  readonly #flights = new SingleFlight<T>();
  readonly #requests = new Map<string, unknown>();

  /** `what` names the key in errors, as in `sandbox name`. */
  constructor(what: string) {
    this.#what = what;
  }

  /** Like `SingleFlight.run`; `already-exists` when `name` is in work for a request that is not deeply equal. */
  async run(name: string, request: unknown, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#requests.has(name) && !isDeepStrictEqual(this.#requests.get(name), request)) {
      throw new DaemonError(
        'already-exists',
        `${this.#what} "${name}" is in work with another configuration`,
      );
    }
    const start = async (): Promise<T> => {
      this.#requests.set(name, request);
      try {
        return await work();
      } finally {
        this.#requests.delete(name);
      }
    };
    return this.#flights.run(name, start, signal);
  }

  /** Settles when all work that runs now has ended, however it ended. */
  idle(): Promise<void> {
    return this.#flights.idle();
  }
}
