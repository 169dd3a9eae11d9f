// The one error class that crosses a folder border. Adapters translate at their own edge; `internal/cri/status.ts`
// turns a kind into a gRPC code, and is the only place that does.

export type ErrorKind =
  | 'not-found'
  | 'already-exists'
  | 'invalid-argument'
  | 'failed-precondition'
  | 'unavailable'
  | 'deadline-exceeded'
  | 'cancelled'
  | 'resource-exhausted'
  | 'permission-denied'
  | 'unauthenticated'
  | 'unimplemented'
  | 'internal'
  | 'unknown';

/**
 * A failure with a kind that a client can act on.
 *
 * Messages are lower-case, without a final full stop, and quote ids: `container "abc" is not running (state exited)`.
 * They are shown to people and folded by the kubelet, so they carry no times and no random paths.
 */
export class DaemonError extends Error {
  override readonly name = 'DaemonError';
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

/** Tells whether `error`, or anything in its cause chain, is a DaemonError of `kind`. */
export function hasKind(error: unknown, kind: ErrorKind): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof DaemonError) return at.kind === kind;
  }
  return false;
}

/** The text a person should read for anything thrown: the messages of the cause chain, each said once. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (
    let at: unknown = error;
    at !== undefined && at !== null;
    at = at instanceof Error ? at.cause : undefined
  ) {
    const text = at instanceof Error ? at.message : String(at);
    if (text !== '' && !parts.some((part) => part.includes(text))) parts.push(text);
    if (parts.length > 8) break;
  }
  return parts.join(': ');
}
