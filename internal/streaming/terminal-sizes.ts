// The sizes of a client's terminal on their way to the command.

import type { StreamSession, TerminalSize } from '../monitor/stream-session.ts';
import type { CommandClient } from './stream-client.ts';

/**
 * Takes the client's sizes from the start; they wait until there is a session, and while one is set. Of those that wait the last
 * two count: a client that attaches sends another size before its own, so that the program draws its screen anew.
 */
export class TerminalSizes {
  #waiting: readonly TerminalSize[] = [];
  #session: StreamSession | undefined;
  #isSetting = false;

  constructor(client: CommandClient) {
    client.onResize((size) => {
      this.#waiting = [...this.#waiting.slice(-1), size];
      void this.#set();
    });
  }

  /** Never fails: a session that takes no size has ended, and says so itself. */
  applyTo(session: StreamSession): void {
    this.#session = session;
    void this.#set();
  }

  async #set(): Promise<void> {
    if (this.#isSetting || this.#session === undefined) return;
    this.#isSetting = true;
    for (;;) {
      const [size, ...rest] = this.#waiting;
      if (size === undefined) break;
      this.#waiting = rest;
      await this.#session.resize(size).catch(() => {});
    }
    this.#isSetting = false;
  }
}
