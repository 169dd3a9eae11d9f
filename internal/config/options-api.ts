// [crio.api]: the CRI socket and the server for exec, attach and port-forward streams.

import { anyPath, count, optionalDuration, portText, socketPath, text, textList } from './checked-types.ts';
import { done } from './option.ts';
import { booleanType, wordType } from './value-type.ts';

const maxMessageBytes = 80 * 1024 * 1024;

export const apiOptions = {
  listen: done(
    socketPath,
    '/var/run/crio/crio.sock',
    'Unix socket, mode 0660, for the kubelet and crictl. A kubelet whose endpoint ends in run/crio/crio.sock takes usage from cAdvisor, which needs what cria lacks: see cria(8), DIFFERENCES FROM CRI-O. A stale socket file is replaced; a live one stops the start.',
  ),
  stream_address: done(
    text,
    '127.0.0.1',
    'IP address on which exec, attach and port-forward streams are served.',
  ),
  stream_port: done(portText, '0', 'Port of the stream server; "0" takes a free one.'),
  stream_enable_tls: done(booleanType, false, 'Serve streams over TLS.', { env: 'CONTAINER_ENABLE_TLS' }),
  stream_tls_cert: done(anyPath, '', 'Certificate of the stream server, PEM. Read again when it changes.', {
    env: 'CONTAINER_TLS_CERT',
    reloadable: true,
  }),
  stream_tls_key: done(anyPath, '', 'Private key of the stream server, PEM. Read again when it changes.', {
    env: 'CONTAINER_TLS_KEY',
    reloadable: true,
  }),
  stream_tls_ca: done(
    anyPath,
    '',
    'Certificate authorities, PEM; when set, a client of the stream server must show a certificate of theirs.',
    { env: 'CONTAINER_TLS_CA', reloadable: true },
  ),
  stream_idle_timeout: done(
    optionalDuration,
    '',
    'Time after which a stream without traffic is closed, such as "30m"; "0": never. Empty: 4h. The pings of a client count: one that lives and pings, as kubectl does, stays connected.',
    { env: 'STREAM_IDLE_TIMEOUT' },
  ),
  tls_min_version: done(
    wordType('VersionTLS12', 'VersionTLS13'),
    'VersionTLS12',
    'Lowest TLS version of the stream and metrics servers.',
  ),
  tls_cipher_suites: done(
    textList,
    [],
    'TLS 1.2 cipher suites of the stream and metrics servers, by IANA name. Empty: the defaults of the TLS library.',
  ),
  grpc_max_send_msg_size: done(
    count,
    maxMessageBytes,
    'Largest gRPC message that is sent, in bytes. 0 or less: the default.',
  ),
  grpc_max_recv_msg_size: done(
    count,
    maxMessageBytes,
    'Largest gRPC message that is accepted, in bytes. 0 or less: the default.',
  ),
};
