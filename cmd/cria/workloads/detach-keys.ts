// The keys with which a person leaves a container that goes on.

/** What Ctrl leaves of a letter's code. */
const controlBits = 0x1f;

/** `ctrl-p,ctrl-q` and the like, as other tools have it: letters, or `ctrl-` and one of `a`–`z @ [ \ ] ^ _`. */
export function parseDetachKeys(text: string): Buffer | undefined {
  if (text === '') return Buffer.alloc(0);
  const codes = text.split(',').map((key) => {
    const [, letter] = /^ctrl-([a-z@[\\\]^_])$/.exec(key) ?? [];
    if (letter !== undefined) return letter.toUpperCase().charCodeAt(0) & controlBits;
    return /^[\x20-\x7e]$/.test(key) ? key.charCodeAt(0) : undefined;
  });
  return codes.every((code) => code !== undefined) ? Buffer.from(codes) : undefined;
}

/** Looks for the keys in what a person types. */
export class DetachKeys {
  readonly #keys: Buffer;
  readonly #held: number[] = [];

  /** Without keys nothing is ever found. */
  constructor(keys: Buffer) {
    this.#keys = keys;
  }

  /** What goes on to the program; keys that may become the sequence are held until it is clear. */
  feed(chunk: Buffer): { readonly pass: Buffer; readonly isDetached: boolean } {
    if (this.#keys.length === 0) return { pass: chunk, isDetached: false };
    const pass: number[] = [];
    for (const code of chunk) {
      this.#held.push(code);
      while (!this.#isBeginning()) pass.push(...this.#held.splice(0, 1));
      if (this.#held.length === this.#keys.length) return { pass: Buffer.from(pass), isDetached: true };
    }
    return { pass: Buffer.from(pass), isDetached: false };
  }

  #isBeginning(): boolean {
    return this.#held.every((code, at) => code === this.#keys[at]);
  }
}
