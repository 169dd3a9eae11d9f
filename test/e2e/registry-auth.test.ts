// Who may pull: TLS with an authority of one's own, passwords, tokens and client certificates, with credentials from
// everywhere a node may have them. No secret is ever told.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { httpProxy } from '../fakes/proxy-server.ts';
import { type CertificateFiles, TestAuthority } from '../harness/certificates.ts';
import { PullWorld } from '../harness/pull-world.ts';
import { passwordAuth, type TestRegistry } from '../harness/registry.ts';
import { missing } from '../harness/requirements.ts';
import { identityToken, TokenServer } from '../harness/token-server.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const me = { username: 'me', password: 'geheim' };

describe('a registry that asks who we are', {
  skip: missing('runc', 'docker-registry', 'skopeo', 'crictl', 'openssl'),
}, () => {
  let world: PullWorld;
  let authority: TestAuthority;
  let tls: CertificateFiles;
  /** TLS and a password. */
  let guarded: TestRegistry;
  /** Plain HTTP and tokens. */
  let tokens: TokenServer;
  let tokenGuarded: TestRegistry;

  before(async () => {
    world = await PullWorld.open();
    authority = await TestAuthority.make(world.folder);
    tls = await authority.issue('server');
    tokens = await TokenServer.start(tls);
    guarded = await world.registry.another({ tls, auth: passwordAuth(world.folder) });
    tokenGuarded = await world.registry.another({ auth: tokens.auth });
    world.setRegistries(`[[registry]]\nlocation = "${tokenGuarded.host}"\ninsecure = true\n`);
    mkdirSync(join(world.folder, 'bin'));
    process.env['PATH'] = `${join(world.folder, 'bin')}:${process.env['PATH']}`;
    await world.daemon.start();
  });

  after(async () => {
    await tokens?.close();
    await world?.close();
  });

  /** certs.d stands beside registries.conf. */
  function certsOf(host: string): string {
    const folder = join(world.daemon.root, 'certs.d', host);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  test('a certificate that nobody vouches for is refused, with what to do', async () => {
    const { code, details } = await world.refusal(guarded.host, me);
    assert.equal(code, status.FAILED_PRECONDITION);
    assert.match(
      details,
      /TLS certificate that is not trusted \([A-Z_]+\): put its authority into .*\/ca\.crt/,
    );
    cpSync(authority.files.certificate, join(certsOf(guarded.host), 'ca.crt'));
    await world.daemon.restart(); // certificates are looked at again after seconds; the test does not wait
  });

  test('without credentials the pull is unauthenticated, and the words say how to get some', async () => {
    const { code, details } = await world.refusal(guarded.host);
    assert.equal(code, status.UNAUTHENTICATED);
    assert.match(
      details,
      /\(HTTP 401 UNAUTHORIZED\): there are no credentials for it: give the pod an image pull secret/,
    );
  });

  test('every form of AuthConfig works', async () => {
    assert.equal(await world.pull(guarded.host, me), world.image.id);
    assert.equal(await world.pull(guarded.host, { auth: base64('me:geheim') }), world.image.id);
    const serverAddress = `https://${guarded.host}/v2/`;
    assert.equal(await world.pull(guarded.host, { ...me, serverAddress }), world.image.id);
    const pulled = await world.crictl.run('pull', '--creds', 'me:geheim', `${guarded.host}/team/three:v1`);
    assert.match(pulled, new RegExp(world.image.id));
    await world.crictl.run('rmi', world.image.id);
  });

  test('credentials for another server are not shown to this one', async () => {
    const { code, details } = await world.refusal(guarded.host, {
      ...me,
      serverAddress: 'https://other.example',
    });
    assert.equal(code, status.UNAUTHENTICATED);
    assert.match(details, /there are no credentials for it/);
  });

  test('wrong credentials are named by where they are from, and told nowhere', async () => {
    const given = await world.refusal(guarded.host, { username: 'me', password: 'falsch-geheim' });
    assert.equal(given.code, status.UNAUTHENTICATED);
    assert.match(given.details, /it does not accept the credentials of the pull request$/);
    world.writeAuth({ auths: { [guarded.host]: { auth: base64('me:falsch-geheim') } } });
    const filed = await world.refusal(guarded.host);
    assert.match(filed.details, /it does not accept the credentials of auth file .*auth\.json$/);
  });

  test('the auth file is read again at each pull, the longest name wins', async () => {
    world.writeAuth({
      auths: {
        [guarded.host]: { auth: base64('me:falsch-geheim') },
        [`${guarded.host}/team`]: { auth: base64('me:geheim') },
      },
    });
    assert.equal(await world.pull(guarded.host), world.image.id);
    world.writeAuth({});
    assert.equal((await world.refusal(guarded.host)).code, status.UNAUTHENTICATED);
  });

  test('a credential helper is asked, and a broken one is told without its words', async () => {
    const helper = join(world.folder, 'bin/docker-credential-test');
    const answer = JSON.stringify({ ServerURL: guarded.host, Username: 'me', Secret: 'geheim' });
    const script = `#!/bin/sh\nread server\n[ "$1 $server" = "get ${guarded.host}" ] && echo '${answer}'\n`;
    writeFileSync(helper, script, { mode: 0o755 });
    world.writeAuth({ credHelpers: { [guarded.host]: 'test' } });
    assert.equal(await world.pull(guarded.host), world.image.id);
    writeFileSync(helper, '#!/bin/sh\necho falsch-geheim >&2; exit 3\n', { mode: 0o755 });
    const { code, details } = await world.refusal(guarded.host);
    assert.equal(code, status.FAILED_PRECONDITION);
    assert.match(details, /^credential helper "test" exited with code 3 when it was asked for "127/);
    world.writeAuth({ credHelpers: { [guarded.host]: 'none' } });
    assert.match((await world.refusal(guarded.host)).details, /docker-credential-none is not in the PATH/);
    world.writeAuth({});
  });

  test('credentials of a namespace serve one pull and are gone', async () => {
    const folder = join(world.folder, 'namespaced');
    mkdirSync(folder);
    const name = createHash('sha256').update(`${guarded.host}/team/three`).digest('hex');
    const file = join(folder, `shop-${name}.json`);
    const document = JSON.stringify({ auths: { [guarded.host]: { auth: base64('me:geheim') } } });
    writeFileSync(file, document);
    assert.equal((await world.refusal(guarded.host)).code, status.UNAUTHENTICATED);
    assert.equal(await world.pull(guarded.host, {}, 'shop'), world.image.id);
    assert.deepEqual(readdirSync(folder, { recursive: true }), ['in-use']);
    await assert.rejects(world.pull(guarded.host, {}, 'shop'), /there are no credentials for it/);
    rmSync(folder, { recursive: true });
  });

  test('a token is got for a name and password, for an identity token, or given', async () => {
    assert.equal(await world.pull(tokenGuarded.host, me), world.image.id);
    assert.equal(await world.pull(tokenGuarded.host, { identityToken }), world.image.id);
    const scope = 'repository:team/three:pull';
    assert.deepEqual(tokens.requests, [`GET basic ${scope}`, `POST refresh_token ${scope}`]);
    const registryToken = tokens.token('team/three');
    assert.equal(await world.pull(tokenGuarded.host, { registryToken }), world.image.id);
    assert.equal(tokens.requests.length, 2);
  });

  test('an authorization service that is busy is asked again, one that refuses is told', async () => {
    tokens.busy = 2;
    assert.equal(await world.pull(tokenGuarded.host, me), world.image.id);
    const { code, details } = await world.refusal(tokenGuarded.host, { ...me, password: 'falsch-geheim' });
    assert.equal(code, status.UNAUTHENTICATED);
    assert.match(details, /refuses an access token of 127\.0\.0\.1:\d+ \(HTTP 401\): it does not accept/);
    assert.equal((await world.refusal(tokenGuarded.host)).code, status.UNAUTHENTICATED);
    assert.match(tokens.requests.at(-1) ?? '', /^GET anonymous /);
  });

  test('a client certificate of certs.d opens a registry that wants one', async () => {
    const clientAuthority = authority.files.certificate;
    const shy = await world.registry.another({ tls, clientAuthority });
    const certs = certsOf(shy.host);
    cpSync(clientAuthority, join(certs, 'ca.crt'));
    const { code, details } = await world.refusal(shy.host);
    assert.equal(code, status.UNAUTHENTICATED);
    assert.match(
      details,
      /does not accept this node's client certificate \([A-Z0-9_]+\): put one that it knows into/,
    );
    const client = await authority.issue('client');
    cpSync(client.certificate, join(certs, 'me.cert'));
    cpSync(client.key, join(certs, 'me.key'));
    await world.daemon.restart();
    assert.equal(await world.pull(shy.host), world.image.id);
  });

  test('a proxy of the environment is used, and the command ends when it is done', async () => {
    const proxy = await httpProxy(Number(guarded.host.split(':')[1]), 'me:geheim');
    const host = 'registry.example:5000';
    cpSync(authority.files.certificate, join(certsOf(host), 'ca.crt'));
    world.writeAuth({ auths: { [host]: { auth: base64('me:geheim') } } });
    process.env['HTTPS_PROXY'] = `http://me:geheim@127.0.0.1:${proxy.port}`;
    try {
      const { exitCode, stderr } = await world.daemon.attempt('image', 'pull', `${host}/team/three:v1`);
      // The certificate is for another name: what was reached was checked against what was asked for.
      assert.notEqual(exitCode, 0);
      assert.match(stderr, /TLS certificate for another host name/);
      assert.ok(!stderr.includes('geheim'));
      assert.deepEqual(proxy.asked, [`CONNECT ${host}`]);
      const named = await authority.issue('registry.example');
      const behind = await world.registry.another({ tls: named, auth: passwordAuth(world.folder) });
      proxy.targetPort = Number(behind.host.split(':')[1]);
      await world.daemon.cria('image', 'pull', `${host}/team/three:v1`);
      await world.daemon.cria('image', 'remove', world.image.id);
    } finally {
      delete process.env['HTTPS_PROXY'];
      await proxy.close();
    }
  });

  test('no secret has reached the log', () => {
    const log = world.log();
    for (const secret of [
      'geheim',
      base64('me:geheim'),
      base64('me:falsch-geheim'),
      identityToken,
      'Bearer',
    ]) {
      assert.ok(!log.includes(secret), `the log holds "${secret}"`);
    }
  });
});
