// What the main thread and an unpacking worker say to each other.

import type { ErrorKind } from '../../errors/daemon-error.ts';
import type { UnpackLimits } from '../store.ts';
import type { Compression } from './compression.ts';

export interface UnpackOrder {
  /** The directory that becomes the worker's root; empty. */
  readonly diff: string;
  readonly tarSplit: string;
  readonly limits: UnpackLimits;
  /** Longer names could not be deleted by their path from outside. */
  readonly maxPathBytes: number;
}

/** To the worker, besides what is in its ring: a layer to unpack, whose blob comes through the ring, or that it is to end itself. */
export type UnpackCommand = { readonly order: UnpackOrder } | { readonly quit: true };

export interface UnpackedLayer {
  readonly blobDigest: string;
  readonly blobSizeBytes: number;
  readonly diffId: string;
  readonly diffSizeBytes: number;
  readonly compression: Compression;
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly entries: number;
  /** False when the tar does not say what the root directory is like. */
  readonly hasRoot: boolean;
}

/** From the worker: the ring has room for a writer that waits, or how it ended. */
export type UnpackReport =
  | { readonly hasRoom: true }
  | { readonly done: UnpackedLayer }
  | { readonly failed: { readonly kind: ErrorKind; readonly message: string; readonly isDiskFull: boolean } };
