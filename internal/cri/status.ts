// What a failure looks like to a gRPC client. The only place that picks codes.

import { type Metadata, status } from '@grpc/grpc-js';
import { DaemonError, describeError, type ErrorKind } from '../errors/daemon-error.ts';
import { isAbortError, isDiskFull, isOutOfDescriptors } from '../errors/errno.ts';

const codes = {
  'not-found': status.NOT_FOUND,
  'already-exists': status.ALREADY_EXISTS,
  'invalid-argument': status.INVALID_ARGUMENT,
  'failed-precondition': status.FAILED_PRECONDITION,
  unavailable: status.UNAVAILABLE,
  'deadline-exceeded': status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  'resource-exhausted': status.RESOURCE_EXHAUSTED,
  'permission-denied': status.PERMISSION_DENIED,
  unauthenticated: status.UNAUTHENTICATED,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
  unknown: status.UNKNOWN,
} as const satisfies Record<ErrorKind, status>;

export interface RpcFailure {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}

/** The code and message for anything thrown; a program error becomes UNKNOWN. */
export function rpcFailure(error: unknown): RpcFailure {
  if (error instanceof DaemonError) return { code: codes[error.kind], details: error.message };
  if (isAbortError(error)) return { code: status.CANCELLED, details: 'the call was cancelled' };
  if (isOutOfDescriptors(error)) {
    const text = 'the daemon may open no more files; raise its limit (LimitNOFILE of its service)';
    return { code: status.RESOURCE_EXHAUSTED, details: `${text}: ${describeError(error)}` };
  }
  if (isDiskFull(error)) return { code: status.RESOURCE_EXHAUSTED, details: describeError(error) };
  return { code: status.UNKNOWN, details: describeError(error) };
}

/** True when the failure says that the program itself is wrong, and its stack belongs in the log. */
export function isUnexpected(error: unknown): boolean {
  if (error instanceof DaemonError || isAbortError(error)) return false;
  return !isDiskFull(error) && !isOutOfDescriptors(error);
}
