// TLS with certificates that openssl makes: what is trusted, what is refused, and in which words.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { makeImage } from '../fakes/made-image.ts';
import { openImage, registryClient, transportTo, wanted } from '../fakes/registry-client.ts';
import { command, findProgram } from '../harness/command.ts';

const skip = findProgram('openssl') === undefined ? 'needs openssl' : false;
const image = makeImage();

let folder: string;
let server: Server;
let host: string;
let clients: (string | string[] | undefined)[];

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'registry-tls-'));
  for (const name of ['server', 'client']) {
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
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
  server = createServer(options, (request, response) => {
    clients.push((request.socket as TLSSocket).getPeerCertificate().subject?.CN);
    response.writeHead(200, { 'content-type': image.manifestType }).end(image.manifest);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => {
  if (skip !== false) return;
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

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

/** A certs.d with these files for the server. */
function certsOf(name: string, files: Readonly<Record<string, string>>): string {
  for (const [target, source] of Object.entries(files)) {
    mkdirSync(join(folder, name, host), { recursive: true });
    cpSync(join(folder, source), join(folder, name, host, target));
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
