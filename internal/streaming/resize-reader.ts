// The sizes that a client sends for its terminal: JSON objects one behind the other, {"Width":80,"Height":24}.

import type { TerminalSize } from '../monitor/stream-session.ts';

/** Many times the longest object that a client sends. */
const objectMaxBytes = 1024;

/** Reads them from bytes that come in any pieces; no more than one object is held. */
export class ResizeReader {
  readonly #onSize: (size: TerminalSize) => void;
  #text = '';

  constructor(onSize: (size: TerminalSize) => void) {
    this.#onSize = onSize;
  }

  /** Tells the sizes that are whole now. False when the bytes are no sizes; what follows cannot be read either. */
  push(chunk: Buffer): boolean {
    this.#text += chunk.toString('latin1');
    for (let end = this.#text.indexOf('}'); end >= 0; end = this.#text.indexOf('}')) {
      const size = parseSize(this.#text.slice(0, end + 1));
      this.#text = this.#text.slice(end + 1);
      if (size === undefined) return false;
      const { columns, rows } = size;
      if (isLength(columns) && isLength(rows)) this.#onSize({ columns, rows });
    }
    return this.#text.length <= objectMaxBytes;
  }
}

function parseSize(text: string): { columns: unknown; rows: unknown } | undefined {
  try {
    const value = JSON.parse(text) as { Width?: unknown; Height?: unknown };
    return { columns: value.Width, rows: value.Height };
  } catch {
    return undefined;
  }
}

/** Clients send 0 when they have no terminal, which is no size. */
function isLength(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;
}
