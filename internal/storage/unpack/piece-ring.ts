// How a blob reaches the thread that unpacks it: a ring of shared memory. The writer, which must not block, puts chunks in
// as they come; the reader sleeps until enough is there. Nothing is allocated, and few wake-ups are needed.

/** A power of two: positions count bytes and wrap at 32 bits. */
const ringBytes = 1 << 21;
/** The reader is woken for this much, or at the end. */
const wakeBytes = 1 << 18;

/** Words of the ring's head. */
const writtenAt = 0;
const readAt = 1;
const stateAt = 2;
const writerWaitsAt = 3;
/** Changes whenever the reader may go on. */
const bellAt = 4;
const headBytes = 64;

const isOpen = 0;
const isEnded = 1;
const isCut = 2;

export function newRingMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(headBytes + ringBytes);
}

/** The side that has the blob. */
export class RingWriter {
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;
  /** What the reader may not see yet included. */
  #written = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#head = new Int32Array(memory, 0, headBytes / 4);
    this.#bytes = new Uint8Array(memory, headBytes);
  }

  /** Begins the next blob; the reader has seen the end of the one before. */
  restart(): void {
    this.#written = Atomics.load(this.#head, readAt);
    Atomics.store(this.#head, writtenAt, this.#written);
    Atomics.store(this.#head, stateAt, isOpen);
  }

  /** Puts in as much of the chunk as there is room for, and returns how much that was. */
  write(chunk: Uint8Array): number {
    let taken = 0;
    while (taken < chunk.length) {
      const room = ringBytes - this.#unread();
      if (room === 0) break;
      const at = this.#written & (ringBytes - 1);
      const length = Math.min(chunk.length - taken, room, ringBytes - at);
      this.#bytes.set(chunk.subarray(taken, taken + length), at);
      this.#written = (this.#written + length) | 0;
      taken += length;
    }
    if (((this.#written - Atomics.load(this.#head, writtenAt)) | 0) >= wakeBytes) this.#publish();
    return taken;
  }

  /** Whether the ring is full; if so, the reader is to tell when half of it is free (see `RingReader.release`). */
  mustWait(): boolean {
    if (this.#unread() < ringBytes) return false;
    this.#publish();
    Atomics.store(this.#head, writerWaitsAt, 1);
    return this.#unread() === ringBytes || Atomics.exchange(this.#head, writerWaitsAt, 0) === 0;
  }

  /** Says that the blob is complete. */
  end(): void {
    this.#publish(); // before: who sees the end sees all bytes
    this.#tell(isEnded);
  }

  /** Says that nothing more of the blob is wanted, at any time. */
  cut(): void {
    this.#tell(isCut);
  }

  #tell(state: number): void {
    Atomics.store(this.#head, stateAt, state);
    this.#ring();
  }

  #unread(): number {
    return (this.#written - Atomics.load(this.#head, readAt)) | 0;
  }

  #publish(): void {
    Atomics.store(this.#head, writtenAt, this.#written);
    this.#ring();
  }

  #ring(): void {
    Atomics.add(this.#head, bellAt, 1);
    Atomics.notify(this.#head, bellAt);
  }
}

/** The side that unpacks, in a thread that may block. */
export class RingReader {
  readonly #head: Int32Array;
  readonly #memory: SharedArrayBuffer;

  constructor(memory: SharedArrayBuffer) {
    this.#head = new Int32Array(memory, 0, headBytes / 4);
    this.#memory = memory;
  }

  /** Blocks until there are bytes, and gives them as a view that stays theirs until `release`; undefined at the end. */
  take(): Buffer | 'cut' | undefined {
    for (;;) {
      const bell = Atomics.load(this.#head, bellAt);
      const state = Atomics.load(this.#head, stateAt);
      if (state === isCut) return 'cut';
      const read = Atomics.load(this.#head, readAt);
      const unread = (Atomics.load(this.#head, writtenAt) - read) | 0;
      if (unread > 0) {
        const at = read & (ringBytes - 1);
        return Buffer.from(this.#memory, headBytes + at, Math.min(unread, ringBytes - at, wakeBytes));
      }
      if (state === isEnded) return undefined;
      Atomics.wait(this.#head, bellAt, bell);
    }
  }

  /** Gives room back. True when the writer waits for it and has to be told. */
  release(bytes: number): boolean {
    const read = (Atomics.load(this.#head, readAt) + bytes) | 0;
    Atomics.store(this.#head, readAt, read);
    const unread = (Atomics.load(this.#head, writtenAt) - read) | 0;
    return unread <= ringBytes / 2 && Atomics.exchange(this.#head, writerWaitsAt, 0) === 1;
  }
}
