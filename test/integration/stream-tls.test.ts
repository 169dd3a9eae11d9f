// The stream server over TLS: who may connect, and what happens when its files change.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { Registry } from 'prom-client';
import type { ClientOptions } from 'ws';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import { silentLogger } from '../../internal/log/logger.ts';
import { streamMetrics } from '../../internal/metrics/stream-metrics.ts';
import { StreamServer } from '../../internal/streaming/stream-server.ts';
import type { ServerIdentity } from '../../internal/tls/server-identity.ts';
import { MemorySession } from '../fakes/memory-session.ts';
import { type CertificateFiles, TestAuthority } from '../harness/certificates.ts';
import { ChannelClient } from '../harness/channel-client.ts';
import { findProgram } from '../harness/command.ts';

const skip = findProgram('openssl') === undefined && 'needs openssl';

suite('streams over TLS', { skip }, () => {
  const folder = mkdtempSync('/var/tmp/cria-stream-tls-');
  const metrics = streamMetrics(new Registry());
  const identity: ServerIdentity = {
    certFile: join(folder, 'used.crt'),
    keyFile: join(folder, 'used.key'),
    ...{ minVersion: 'VersionTLS12', cipherSuites: [] },
  };
  let authority: TestAuthority;
  let ca: Buffer;
  let first: CertificateFiles;
  let user: CertificateFiles;

  before(async () => {
    authority = await TestAuthority.make(folder);
    ca = readFileSync(authority.files.certificate);
    first = await authority.issue('first');
    user = await authority.issue('user');
    install(first);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  function install({ certificate, key }: CertificateFiles): void {
    copyFileSync(certificate, identity.certFile);
    copyFileSync(key, identity.keyFile);
  }

  async function serve(
    changes: Partial<ServerIdentity>,
    use: (server: StreamServer, url: () => string) => Promise<void>,
  ): Promise<void> {
    const settings = {
      address: { host: '127.0.0.1', port: 0 },
      timeouts: { idleMs: 0, creationMs: 10_000 },
      identity: { ...identity, ...changes },
    };
    const server = new StreamServer(settings, metrics, silentLogger);
    await server.listen();
    const open = async () => {
      const session = new MemorySession();
      session.stdout.write('hello');
      session.exits(0);
      return session;
    };
    const streams = { stdin: false, stdout: true, stderr: false, terminal: false };
    try {
      await use(server, () => server.offer({ kind: 'exec', owner: 'c', streams, open }));
    } finally {
      await server.close();
    }
  }

  /** What a client of the command hears. */
  async function heard(url: string, options: ClientOptions = {}): Promise<string> {
    const client = await ChannelClient.connect(url, 'v4.channel.k8s.io', { ca, ...options });
    await client.closed;
    return client.text(1);
  }

  /** The certificate that the server shows. */
  async function shown(url: string): Promise<PeerCertificate> {
    const socket: TLSSocket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', ca });
    await once(socket, 'secureConnect');
    const certificate = socket.getPeerCertificate();
    socket.destroy();
    return certificate;
  }

  const withCertificate = (): ClientOptions => ({
    cert: readFileSync(user.certificate),
    key: readFileSync(user.key),
  });

  test('the URL says https; a client that knows the authority is served', async () => {
    await serve({}, async (_server, url) => {
      const first = url();
      assert.match(first, /^https:\/\/127\.0\.0\.1:/);
      assert.equal(await heard(first), 'hello');
      await assert.rejects(heard(url(), { ca: [] }), /certificate/);
    });
  });

  test('with an authority for clients only theirs are served', async () => {
    const stranger = await TestAuthority.make(mkdtempSync(join(folder, 'stranger-')));
    const foreign = await stranger.issue('user');
    await serve({ clientCaFile: authority.files.certificate }, async (_server, url) => {
      assert.equal(await heard(url(), withCertificate()), 'hello');
      await assert.rejects(heard(url()));
      const other = { cert: readFileSync(foreign.certificate), key: readFileSync(foreign.key) };
      await assert.rejects(heard(url(), other));
    });
  });

  test('a client that never begins with TLS does not hold up the end, nor is one that has not asked', async () => {
    const sockets: Socket[] = [];
    await serve({}, async (_server, url) => {
      const port = Number(new URL(url()).port);
      const mute = connectPlain(port, '127.0.0.1').on('error', () => {});
      await once(mute, 'connect');
      const secured = connect({ port, host: '127.0.0.1', ca }).on('error', () => {});
      await once(secured, 'secureConnect');
      sockets.push(mute, secured);
    });
    for (const socket of sockets) if (!socket.closed) await once(socket.resume(), 'close');
  });

  test('the lowest version counts', async () => {
    await serve({ minVersion: 'VersionTLS13' }, async (_server, url) => {
      assert.equal(await heard(url()), 'hello');
      await assert.rejects(heard(url(), { maxVersion: 'TLSv1.2' }));
    });
  });

  test('files that have changed are taken at a reload; bad ones change nothing', async () => {
    const second = await authority.issue('second');
    await serve({}, async (server, url) => {
      assert.equal((await shown(url())).subject.CN, 'first');
      install(second);
      await server.follow(identity);
      assert.equal((await shown(url())).subject.CN, 'second');
      writeFileSync(identity.keyFile, 'no key');
      await assert.rejects(server.follow(identity), (cause: unknown) => cause instanceof DaemonError);
      assert.equal((await shown(url())).subject.CN, 'second');
      install(first);
    });
  });

  test('a reload can begin and cease to ask clients for certificates', async () => {
    await serve({}, async (server, url) => {
      await server.follow({ ...identity, clientCaFile: authority.files.certificate });
      await assert.rejects(heard(url()));
      assert.equal(await heard(url(), withCertificate()), 'hello');
      await server.follow(identity);
      assert.equal(await heard(url()), 'hello');
    });
  });

  test('files that do not fit each other stop the start', async () => {
    writeFileSync(identity.keyFile, readFileSync(user.key));
    await assert.rejects(
      serve({}, async () => {}),
      /cannot be used/,
    );
    install(first);
  });
});
