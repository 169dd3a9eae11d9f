// A node with a signature policy, as crictl and a kubelet meet it.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { command } from '../harness/command.ts';
import { Crictl } from '../harness/crictl.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { GpgHome } from '../harness/gpg-home.ts';
import { buildBusyboxImage, findStaticBusybox } from '../harness/images.ts';
import { TestRegistry } from '../harness/registry.ts';
import { missing } from '../harness/requirements.ts';

const skip = missing('runc', 'crictl', 'skopeo', 'docker-registry', 'gpg', 'gpgv');
const signer = 'node@example.test';

describe('signatures on a node', { skip }, () => {
  let daemon: TestDaemon;
  let crictl: Crictl;
  let registry: TestRegistry;
  let gpg: GpgHome;
  let signed: string;
  let unsigned: string;

  before(async () => {
    registry = await TestRegistry.start();
    daemon = new TestDaemon({
      registries: registry.registriesConf,
      extraToml: '',
    });
    crictl = new Crictl(daemon);
    gpg = new GpgHome();
    gpg.makeKey(signer);
    writeFileSync(join(daemon.root, 'key.asc'), gpg.exportKey(signer, true));
    const lookaside = join(daemon.root, 'lookaside');
    mkdirSync(join(daemon.root, 'registries.d'));
    writeFileSync(
      join(daemon.root, 'registries.d/all.yaml'),
      `default-docker:\n  sigstore: file://${lookaside}\n  sigstore-staging: file://${lookaside}\n`,
    );
    const layout = join(daemon.root, 'layout');
    buildBusyboxImage(layout, 'localhost/busybox:1', findStaticBusybox() ?? '');
    unsigned = await registry.push(layout, 'app/unsigned', 'v1');
    signed = `${registry.host}/app/signed:v1`;
    await push(layout, signed);
    await daemon.start();
  });

  after(async () => {
    await daemon?.destroy();
    gpg?.close();
    await registry?.stop();
  });

  function push(layout: string, reference: string): Promise<string> {
    const files = ['--policy', daemon.paths.policy, '--registries.d', join(daemon.root, 'registries.d')];
    const flags = ['copy', '--dest-tls-verify=false', '--sign-by', signer];
    return command(['skopeo', ...files, ...flags, `oci:${layout}`, `docker://${reference}`], {
      env: gpg.env,
    });
  }

  const accept = [{ type: 'insecureAcceptAnything' }];
  function setPolicy(...requirements: readonly object[]): void {
    const transports = { docker: { [registry.host]: requirements } };
    writeFileSync(daemon.paths.policy, JSON.stringify({ default: accept, transports }));
  }
  const bySigner = (): object => ({
    type: 'signedBy',
    keyType: 'GPGKeys',
    keyPath: join(daemon.root, 'key.asc'),
  });

  test('an unsigned image is refused with the word that the kubelet looks for, a signed one runs', async () => {
    setPolicy(bySigner());
    const refused = await crictl.attempt('pull', unsigned);
    assert.notEqual(refused.exitCode, 0);
    assert.match(refused.stderr, /code = Unknown desc = SignatureValidationFailed: image .* is refused/);
    assert.deepEqual(JSON.parse(await crictl.run('images', '-o', 'json')), { images: [] });
    await crictl.run('pull', signed);
    const pod = daemon.pod('signed');
    const podId = await crictl.runPod(pod);
    const container = { name: 'one', image: signed, command: ['sleep', '1000'] };
    await crictl.startContainer(podId, pod, container);
    await crictl.run('rmp', '-f', podId);
    await crictl.run('rmi', signed);
  });

  test('a signature that was tampered with is refused', async () => {
    setPolicy(bySigner());
    const base = join(daemon.root, 'lookaside/app');
    const folder = join(base, readdirSync(base).find((name) => name.startsWith('signed@')) ?? '');
    const file = join(folder, 'signature-1');
    const good = readFileSync(file);
    const bad = Buffer.from(good);
    bad.writeUInt8(bad.readUInt8(bad.length - 9) ^ 0x10, bad.length - 9);
    writeFileSync(file, bad);
    const refused = await crictl.attempt('pull', signed);
    assert.match(refused.stderr, /SignatureValidationFailed: .*the signature is/);
    writeFileSync(file, good);
    await crictl.run('pull', signed);
    await crictl.run('rmi', signed);
  });

  test('a policy that changes counts at once, also for an image that is here', async () => {
    setPolicy(...accept);
    await crictl.run('pull', unsigned);
    const pod = daemon.pod('changing');
    const podId = await crictl.runPod(pod);
    const container = { name: 'before', image: unsigned, command: ['sleep', '1000'] };
    await crictl.startContainer(podId, pod, container);
    setPolicy(bySigner());
    await assert.rejects(crictl.startContainer(podId, pod, { ...container, name: 'later' }), {
      message: /SignatureValidationFailed: .*the policy asks for a GPG signature and the image has none/,
    });
    const running = await crictl.json<{ containers: { metadata: { name: string } }[] }>('ps');
    assert.deepEqual(
      running.containers.map(({ metadata }) => metadata.name),
      ['before'],
    );
    await crictl.run('rmp', '-f', podId);
    await crictl.run('rmi', unsigned);
  });

  test('the command line obeys the policy too', async () => {
    setPolicy(bySigner());
    const refused = await daemon.attempt('image', 'pull', unsigned);
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /^cria: SignatureValidationFailed: image /m);
    await daemon.cria('image', 'pull', signed);
    await daemon.cria('image', 'remove', signed);
  });

  test('without a policy nothing is pulled, and the daemon goes on', async () => {
    await command(['rm', daemon.paths.policy]);
    const refused = await crictl.attempt('pull', signed);
    assert.match(refused.stderr, /SignatureValidationFailed: signature policy \S+ does not exist/);
    setPolicy(...accept);
    await crictl.run('pull', signed);
  });
});
