import type { ErrorKind } from '../../errors/daemon-error.ts';

/** Why a layer is refused, in words that stand after `layer "sha256:…"`. */
export class LayerError extends Error {
  override readonly name = 'LayerError';
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** A layer that this file system has no room for. */
export class NoRoomError extends LayerError {
  constructor(message: string) {
    super('resource-exhausted', message);
  }
}

/** Bytes of a name from an image, in a form that is safe to show: at most 256 characters, controls escaped. */
export function shownName(name: string): string {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  return JSON.stringify(text.length > 256 ? `${text.slice(0, 256)}…` : text);
}
