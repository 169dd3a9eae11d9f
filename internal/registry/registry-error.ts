// The texts of registry failures. They are stable, because the kubelet folds events by text, and hold no URL: a query
// may carry a signature, and user info a password.

import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';

const networkReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'its name cannot be resolved',
  EAI_AGAIN: 'its name cannot be resolved',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no route to it',
  ETIMEDOUT: 'it does not answer',
};

const certificateCodes = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ERR_TLS/;

/**
 * A registry that gives no usable answer. The kubelet shows the reason `RegistryUnavailable` for this prefix, but only
 * under gRPC code UNKNOWN (k8s.io/cri-api/pkg/errors).
 */
export function registryUnavailable(host: string, reason: string, cause?: unknown): DaemonError {
  return new DaemonError(
    'unknown',
    `RegistryUnavailable: registry "${host}" is unavailable: ${reason}`,
    cause,
  );
}

/** Translates what node:http threw. */
export function fromNetworkError(host: string, error: unknown): unknown {
  if (error instanceof DaemonError) return error;
  const code = errnoCode(error) ?? '';
  if (code === 'ABORT_ERR') return error;
  if (certificateCodes.test(code)) {
    const text = `registry "${host}" has a TLS certificate that is not trusted (${code}): add its authority to the node or mark the registry insecure in registries.conf`;
    return new DaemonError('failed-precondition', text, error);
  }
  const reason =
    networkReasons[code] ?? (code === '' ? 'the connection failed' : `the connection failed (${code})`);
  return registryUnavailable(host, reason, error);
}

/** Translates a status that is no success; `errorCode` is the first code of the registry's error document. */
export function fromStatus(host: string, what: string, status: number, errorCode: string): DaemonError {
  const code = errorCode === '' ? `HTTP ${status}` : `HTTP ${status} ${errorCode}`;
  if (status === 404) return new DaemonError('not-found', `${what} was not found in registry "${host}"`);
  if (status === 401) {
    const text = `registry "${host}" refuses ${what}: no valid credentials (${code})`;
    return new DaemonError('unauthenticated', text);
  }
  if (status === 403) {
    return new DaemonError(
      'permission-denied',
      `registry "${host}" refuses ${what}: access denied (${code})`,
    );
  }
  if (status === 429) return registryUnavailable(host, `too many requests (${code})`);
  if (status >= 500) return registryUnavailable(host, `it failed to give ${what} (${code})`);
  return new DaemonError('unknown', `registry "${host}" did not give ${what} (${code})`);
}

/** An answer that breaks the protocol or does not match what was asked for. */
export function badAnswer(host: string, text: string): DaemonError {
  return new DaemonError('failed-precondition', `registry "${host}" ${text}`);
}
