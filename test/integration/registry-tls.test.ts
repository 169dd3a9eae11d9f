// TLS with certificates that openssl makes: what is trusted, what is refused, and in which words.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { DistributionRegistry } from '../../internal/registry/distribution-registry.ts';
import type { HttpTransport } from '../../internal/registry/http-transport.ts';
import { proxySettings } from '../../internal/registry/proxy-settings.ts';
import type { Digest } from '../../internal/registry/registry.ts';
import { makeImage } from '../fakes/made-image.ts';
import { httpProxy } from '../fakes/proxy-server.ts';
import { openImage, registryClient, transportTo, wanted } from '../fakes/registry-client.ts';
import { command, findProgram } from '../harness/command.ts';

const skip = findProgram('openssl') === undefined ? 'needs openssl' : false;
const never = new AbortController().signal;
const image = makeImage();

let folder: string;
let server: Server;
/** Where the registry's blobs are: the same image at another port. */
let elsewhere: Server;
let host: string;
let clients: (string | string[] | undefined)[];

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'registry-tls-'));
  for (const name of ['server', 'client']) {
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:registry.example'];
    const files = ['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.crt`)];
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    await command(['openssl', 'req', ...kind, ...subject, ...files]);
  }
  const read = (name: string): Buffer => readFileSync(join(folder, name));
  const options = {
    cert: read('server.crt'),
    key: read('server.key'),
    requestCert: true,
    rejectUnauthorized: false,
  };
  const serve: RequestListener = (request, response) => {
    clients.push((request.socket as TLSSocket).getPeerCertificate().subject?.CN);
    const blob = image.blobs.get(/sha256:.*$/.exec(request.url ?? '')?.[0] as Digest);
    if (blob === undefined || request.url?.includes('manifests')) {
      response.writeHead(200, { 'content-type': image.manifestType }).end(image.manifest);
    } else if ((request.socket as TLSSocket).localPort === portOf(elsewhere)) {
      response.end(blob);
    } else {
      response.writeHead(307, { location: `https://127.0.0.1:${portOf(elsewhere)}${request.url}` }).end();
    }
  };
  [server, elsewhere] = [createServer(options, serve), createServer(options, serve)];
  for (const each of [server, elsewhere]) {
    await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve));
  }
  host = `127.0.0.1:${portOf(server)}`;
});

after(() => {
  if (skip !== false) return;
  for (const each of [server, elsewhere]) {
    each.closeAllConnections();
    each.close();
  }
  rmSync(folder, { recursive: true });
});

function portOf(listening: Server): number {
  return (listening.address() as AddressInfo).port;
}

/** Reads a manifest with this certs.d. */
async function open(certificateFolders: readonly string[], insecure = false): Promise<string> {
  clients = [];
  const transport = transportTo({ certificateFolders });
  const registry = registryClient({
    transport,
    routes: { endpoints: async (repository) => [{ repository, insecure, isMirror: false }] },
    retry: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 },
  });
  try {
    const remote = await openImage(registry, wanted({ host, path: 'a/b' }, 'v1'));
    return remote.manifest.digest;
  } finally {
    transport.close();
  }
}

/** A certs.d with these files for the server, under the name by which it is asked. */
function certsOf(name: string, files: Readonly<Record<string, string>>, asked = host): string {
  for (const [target, source] of Object.entries(files)) {
    mkdirSync(join(folder, name, asked), { recursive: true });
    cpSync(join(folder, source), join(folder, name, asked, target));
  }
  return join(folder, name);
}

test('a certificate of an unknown authority is refused in clear words', { skip }, async () => {
  await assert.rejects(open([]), {
    kind: 'failed-precondition',
    message: new RegExp(
      `^registry "${host}" has a TLS certificate that is not trusted \\([A-Z_]+\\): put its authority into /etc/containers/certs.d/`,
    ),
  });
  assert.deepEqual(clients, []);
});

test('a registry that is marked insecure is spoken to by https all the same', { skip }, async () => {
  assert.equal(await open([], true), image.manifestDigest);
});

test('the first certs.d with a folder for the host makes it trusted', { skip }, async () => {
  const certs = certsOf('trusted', { 'ca.crt': 'server.crt' });
  assert.equal(await open([join(folder, 'none'), certs]), image.manifestDigest);
  assert.deepEqual(clients, [undefined]);
});

test('a client certificate in certs.d is shown to the registry', { skip }, async () => {
  const files = { 'ca.crt': 'server.crt', 'me.cert': 'client.crt', 'me.key': 'client.key' };
  assert.equal(await open([certsOf('client', files)]), image.manifestDigest);
  assert.deepEqual(clients, ['client']);
});

test('files that cannot be used are named', { skip }, async () => {
  await assert.rejects(open([certsOf('lonely', { 'me.cert': 'client.crt' })]), /me\.cert has no me\.key/);
  await assert.rejects(open([certsOf('broken', { 'me.cert': 'client.key', 'me.key': 'client.crt' })]), {
    kind: 'failed-precondition',
    message: `the certificates for registry "${host}" in certs.d cannot be used`,
  });
});

/** A client that trusts by certificates only. */
function strictClient(transport: HttpTransport): DistributionRegistry {
  return registryClient({
    transport,
    routes: { endpoints: async (repository) => [{ repository, insecure: false, isMirror: false }] },
  });
}

test('SSL_CERT_FILE takes the place of the authorities of the node', { skip }, async () => {
  const transport = transportTo({ env: { SSL_CERT_FILE: join(folder, 'server.crt') } });
  try {
    clients = [];
    await openImage(strictClient(transport), wanted({ host, path: 'a/b' }, 'v1'));
    assert.equal(clients.length, 1);
  } finally {
    transport.close();
  }
});

test("a registry's authority holds where it sends us, its client certificate does not", {
  skip,
}, async () => {
  const files = { 'ca.crt': 'server.crt', 'me.cert': 'client.crt', 'me.key': 'client.key' };
  const transport = transportTo({ certificateFolders: [certsOf('sent', files)] });
  try {
    clients = [];
    const remote = await openImage(strictClient(transport), wanted({ host, path: 'a/b' }, 'v1'));
    const [digest, blob] = [...image.blobs][0]!;
    for await (const chunk of await remote.openBlob({ digest, sizeBytes: blob.length }, never)) {
      assert.deepEqual(chunk, blob);
    }
    assert.deepEqual(clients, ['client', 'client', undefined]);
    // As a registry of its own the other host is trusted by nobody: no connection is shared.
    const there = { host: `127.0.0.1:${portOf(elsewhere)}`, path: 'a/b' };
    await assert.rejects(openImage(strictClient(transport), wanted(there, 'v1')), /is not trusted/);
  } finally {
    transport.close();
  }
});

test('TLS goes through a proxy, and is checked against the name of the registry', { skip }, async () => {
  const proxy = await httpProxy(portOf(server), 'me:geheim');
  const asked = 'registry.example:5000';
  const certificateFolders = [certsOf('proxied', { 'ca.crt': 'server.crt' }, asked)];
  const proxyOf = proxySettings({ HTTPS_PROXY: `http://me:geheim@127.0.0.1:${proxy.port}` });
  const transport = transportTo({ certificateFolders, proxyOf });
  try {
    clients = [];
    for (let pull = 0; pull < 3; pull += 1) {
      await openImage(strictClient(transport), wanted({ host: asked, path: 'a/b' }, 'v1'));
    }
    assert.deepEqual(proxy.asked, [`CONNECT ${asked}`], 'one tunnel is used again');
    assert.equal(clients.length, 3);
    const other = wanted({ host: 'other.example', path: 'a/b' }, 'v1');
    await assert.rejects(
      openImage(strictClient(transport), other),
      /TLS certificate that is not trusted|other host name/,
    );
  } finally {
    transport.close();
    await proxy.close();
  }
});
