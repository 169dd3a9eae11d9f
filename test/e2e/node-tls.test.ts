// The commands of a person where streams are served over TLS, to clients with a certificate only.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type CertificateFiles, TestAuthority } from '../harness/certificates.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { createContainer, runPod } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';

suite('cria exec and port-forward over TLS', { skip: missing('runc', 'openssl') }, () => {
  let folder = '';
  let daemon: TestDaemon;
  let other: CertificateFiles;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cria-node-tls-'));
    const authority = await TestAuthority.make(folder);
    const { certificate, key } = await authority.issue('node');
    other = await authority.issue('other');
    // The daemon and the commands inherit it.
    process.env['CONTAINER_ENABLE_TLS'] = 'true';
    process.env['CONTAINER_TLS_CERT'] = certificate;
    process.env['CONTAINER_TLS_KEY'] = key;
    process.env['CONTAINER_TLS_CA'] = authority.files.certificate;
    daemon = new TestDaemon();
    const image = await daemon.loadBusybox();
    await daemon.start();
    const pod = daemon.pod('tls');
    const podId = await runPod(daemon.client, pod);
    const containerId = await createContainer(daemon.client, podId, pod, {
      name: 'web',
      image,
      command: ['/bin/nc', '-ll', '-p', '8080', '-e', '/bin/cat'],
    });
    await daemon.client.runtime('StartContainer', { containerId });
  });

  after(async () => {
    await daemon.destroy();
    rmSync(folder, { recursive: true });
  });

  test('the certificate in the configuration is the one that counts', async () => {
    const { exitCode, stdout } = await daemon.attempt('exec', 'web', 'sh', '-c', 'echo hello; exit 3');
    assert.deepEqual([exitCode, stdout], [3, 'hello\n']);
    const flags = ['--stream-tls-cert', other.certificate, '--stream-tls-key', other.key];
    const foreign = await daemon.attempt(...flags, 'exec', 'web', 'true');
    assert.equal(foreign.exitCode, 1);
    assert.match(foreign.stderr, /the stream server shows another certificate than ".*other\.crt"/);
    const unreadable = await daemon.attempt('--stream-tls-key', `${folder}/absent`, 'exec', 'web', 'true');
    assert.match(unreadable.stderr, /cannot read the stream server's files .*absent/);
  });

  test('port-forward', async () => {
    const child = spawn(process.execPath, daemon.argv('port-forward', 'tls', '0:8080'), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(/:(\d+) leads to port 8080/.exec(line.toString())?.[1]);
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.end('through TLS');
    await once(socket, 'close');
    assert.equal(answer, 'through TLS');
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'close'), [143, null]);
  });
});
