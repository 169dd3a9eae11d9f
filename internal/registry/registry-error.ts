// The texts of registry failures. They are stable, because the kubelet folds events by text, and hold no URL: a query
// may carry a signature, and user info a password.

import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';
import { ProxyError } from './proxy-tunnel.ts';

const networkReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'its name cannot be resolved',
  EAI_AGAIN: 'its name cannot be resolved: the name server does not answer',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no route to it',
  ETIMEDOUT: 'it does not answer',
  ENOTREACHED: 'it does not answer',
  HPE_HEADER_OVERFLOW: 'its answer has too large a header',
};

const certificateCodes = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ERR_TLS/;
/** What a server says that wants another client certificate, or any. */
const clientCertificateCodes =
  /ALERT_(BAD_CERTIFICATE|CERTIFICATE_|UNKNOWN_CA|UNSUPPORTED_CERT|HANDSHAKE_FAIL)/;
const plainCodes = /^(EPROTO|ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST))$/;

/**
 * A registry that gives no usable answer. The kubelet shows the reason `RegistryUnavailable` for this prefix, but only
 * under gRPC code UNKNOWN (k8s.io/cri-api/pkg/errors).
 */
function registryUnavailable(host: string, reason: string, cause?: unknown): DaemonError {
  return new DaemonError(
    'unknown',
    `RegistryUnavailable: registry "${host}" is unavailable: ${reason}`,
    cause,
  );
}

/** Translates what node:http threw; `url` is named by its host where that is not the registry's. */
export function fromNetworkError(host: string, error: unknown, url?: URL): unknown {
  if (error instanceof DaemonError) return error;
  const code = errnoCode(error) ?? '';
  if (code === 'ABORT_ERR') return error;
  if (error instanceof ProxyError) {
    const why = networkReasons[code] ?? error.message;
    return registryUnavailable(host, `proxy "${error.proxy}": ${why}`, error);
  }
  const elsewhere = url === undefined || url.host === host ? '' : ` (at "${url.host}")`;
  if (code === 'EINWARD') {
    const text = `registry "${host}" leads to an address of this node${elsewhere}; it was not contacted`;
    return new DaemonError('permission-denied', text);
  }
  if (clientCertificateCodes.test(code)) {
    const text = `registry "${host}" does not accept this node's client certificate${elsewhere} (${code}): put one that it knows into /etc/containers/certs.d/${host}/, as NAME.cert and NAME.key`;
    return new DaemonError('unauthenticated', text, error);
  }
  if (certificateCodes.test(code)) return badCertificate(host, code, elsewhere, error);
  if (plainCodes.test(code)) {
    const text = `it does not speak TLS as it should${elsewhere}; if it is meant to be without, mark it insecure in registries.conf`;
    return registryUnavailable(host, text, error);
  }
  if (code.startsWith('HPE_') && networkReasons[code] === undefined)
    return registryUnavailable(host, `it does not answer in HTTP (${code})${elsewhere}`, error);
  const reason =
    networkReasons[code] ?? (code === '' ? 'the connection failed' : `the connection failed (${code})`);
  return registryUnavailable(host, reason + elsewhere, error);
}

function badCertificate(host: string, code: string, elsewhere: string, error: unknown): DaemonError {
  const why: Readonly<Record<string, string>> = {
    CERT_HAS_EXPIRED: 'that has expired: renew it there',
    CERT_NOT_YET_VALID: 'that is not valid yet: compare the clocks of the registry and this node',
    ERR_TLS_CERT_ALTNAME_INVALID: 'for another host name: use a name that the certificate has',
  };
  const reason =
    why[code] ??
    `that is not trusted (${code}): put its authority into /etc/containers/certs.d/${host}/ca.crt or mark the registry insecure in registries.conf`;
  const text = `registry "${host}" has a TLS certificate${elsewhere} ${reason}`;
  return new DaemonError('failed-precondition', text, error);
}

/** What is missing, by the codes of the distribution specification. */
const absences: Readonly<Record<string, string>> = {
  NAME_UNKNOWN: ': it has no such repository',
  MANIFEST_UNKNOWN: ': the repository has no such tag or digest',
};

export interface RefusedRequest {
  readonly host: string;
  /** What was asked for. */
  readonly what: string;
  readonly status: number;
  /** The first code of the registry's error document, or empty. */
  readonly errorCode: string;
  /** Where the credentials are from that were sent; undefined when there were none. */
  readonly source: string | undefined;
}

/** Translates a status that is no success. */
export function fromStatus({ host, what, status, errorCode, source }: RefusedRequest): DaemonError {
  const code = errorCode === '' ? `HTTP ${status}` : `HTTP ${status} ${errorCode}`;
  if (status === 404) {
    const text = `${what} was not found in registry "${host}"${absences[errorCode] ?? ''}`;
    return new DaemonError('not-found', text);
  }
  if (status === 401) {
    const why =
      source === undefined
        ? 'there are no credentials for it: give the pod an image pull secret or the node an auth file'
        : `it does not accept the credentials of ${source}`;
    return new DaemonError('unauthenticated', `registry "${host}" refuses ${what} (${code}): ${why}`);
  }
  if (status === 403) {
    const who = source === undefined ? 'without credentials' : `with the credentials of ${source}`;
    const text = `registry "${host}" refuses ${what} (${code}): access denied ${who}`;
    return new DaemonError('permission-denied', text);
  }
  if (status === 429) {
    const hint = source === undefined ? '; with credentials it may allow more' : '';
    return registryUnavailable(host, `too many requests (${code})${hint}`);
  }
  if (status >= 500) return registryUnavailable(host, `it failed to give ${what} (${code})`);
  if (status === 407) return registryUnavailable(host, `the proxy wants other credentials (${code})`);
  return new DaemonError('unknown', `registry "${host}" did not give ${what} (${code})`);
}

/** An answer that breaks the protocol or does not match what was asked for. */
export function badAnswer(host: string, text: string): DaemonError {
  return new DaemonError('failed-precondition', `registry "${host}" ${text}`);
}
