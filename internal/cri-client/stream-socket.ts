// A connection to the daemon's stream server, at the URL that Exec, Attach and PortForward give.

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { DaemonError, describeError } from '../errors/daemon-error.ts';
import { errnoCode } from '../errors/errno.ts';

/** The server's own certificate files; whoever asks for streams on the node may read them. */
export interface StreamTrust {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Connects, and over TLS makes sure that it is the daemon that answers. Throws `unavailable`. */
export async function openStreamSocket(url: URL, trust: StreamTrust, signal: AbortSignal): Promise<Socket> {
  const isTls = url.protocol === 'https:';
  // Without the brackets of an IPv6 address.
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port === '' ? (isTls ? 443 : 80) : url.port);
  const socket = isTls
    ? connectTls({ host, port, rejectUnauthorized: false, ...(await ownIdentity(trust)) })
    : connect({ host, port });
  const abort = (): void => void socket.destroy();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await once(socket, isTls ? 'secureConnect' : 'connect');
    if (isTls) requirePinned(socket as TLSSocket, (await ownIdentity(trust)).cert, trust);
  } catch (cause) {
    socket.destroy();
    signal.throwIfAborted();
    if (cause instanceof DaemonError) throw cause;
    const why = errnoCode(cause) ?? describeError(cause);
    throw new DaemonError('unavailable', `cannot reach the stream server at "${url.host}": ${why}`, cause);
  } finally {
    signal.removeEventListener('abort', abort);
  }
  socket.setNoDelay(true);
  return socket;
}

/** Shown as ours as well: a server with `stream_tls_ca` takes only clients with a certificate. */
async function ownIdentity({ certFile, keyFile }: StreamTrust): Promise<{ cert: Buffer; key: Buffer }> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
    return { cert, key };
  } catch (cause) {
    const text = `cannot read the stream server's files "${certFile}" and "${keyFile}" (stream_tls_cert, stream_tls_key)`;
    throw new DaemonError('failed-precondition', text, cause);
  }
}

/** No name or authority counts: it is the certificate in the configuration, or it is not the daemon. */
function requirePinned(socket: TLSSocket, cert: Buffer, { certFile }: StreamTrust): void {
  const shown = socket.getPeerX509Certificate();
  if (shown?.raw.equals(new X509Certificate(cert).raw) === true) return;
  throw new DaemonError('unavailable', `the stream server shows another certificate than "${certFile}"`);
}
