// What contrib/install.sh installs is the whole program: it runs pods without the folder that it was built in.

import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { attempt, command } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { createContainer, readContainerLog, removeAllPods, runPod, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';

const script = fileURLToPath(new URL('../../../contrib/install.sh', import.meta.url));

describe('contrib/install.sh', { skip: missing('runc') }, () => {
  const destination = mkdtempSync('/var/tmp/cria-install-');
  const usr = join(destination, 'usr');
  const cria = join(usr, 'bin/cria');
  const install = (...args: readonly string[]) =>
    command(['env', `DESTDIR=${destination}`, script, ...args], { timeoutMs: 60_000 });
  before(() => install());
  after(() => rmSync(destination, { recursive: true, force: true }));

  test('the installed daemon runs a pod, from its own files alone', async () => {
    await install(); // over what is there
    assert.deepEqual(
      readdirSync(join(usr, 'lib')).sort(),
      ['cria', 'systemd'],
      'nothing is left of the first one',
    );
    assert.match(await command([cria, '--version']), /^cria \d/);
    const daemon = new TestDaemon({ installed: cria });
    try {
      const image = await daemon.loadBusybox();
      await daemon.start();
      assert.ok(readlinkSync(`/proc/${daemon.pid}/exe`).endsWith('node'), 'systemd would signal the shell');
      const pod = daemon.pod('installed');
      const podSandboxId = await runPod(daemon.client, pod);
      const request = { name: 'hello', image, command: ['echo', 'from the installed one'] };
      const containerId = await createContainer(daemon.client, podSandboxId, pod, request);
      await daemon.client.runtime('StartContainer', { containerId });
      assert.equal(await waitForExit(daemon.client, containerId), 0);
      assert.equal(readContainerLog(pod, 'hello')[0]?.text, 'from the installed one');
      assert.match(await command([cria, '--config', daemon.paths.configFile, 'ps', '--all']), /installed/);
      await removeAllPods(daemon.client);
    } finally {
      await daemon.destroy();
    }
  });

  test("the daemon is in the kubelet's mount namespace, where the node has one", async () => {
    const folder = join(destination, 'kubens');
    const path = join(folder, 'mnt');
    mkdirSync(folder);
    await command(['mount', '--bind', folder, folder]);
    await command(['mount', '--make-private', folder]);
    writeFileSync(path, '');
    const daemon = new TestDaemon({ installed: cria });
    try {
      await command(['unshare', `--mount=${path}`, 'true']);
      process.env['KUBENSMNT'] = path;
      await daemon.start();
      assert.equal(statSync(`/proc/${daemon.pid}/ns/mnt`).ino, statSync(path).ino);
      assert.doesNotMatch(daemon.logTail(), /do not see the volumes/);
      await daemon.stop();
      process.env['KUBENSMNT'] = '/proc/self/ns/uts'; // no mount namespace
      await daemon.start();
      assert.match(daemon.logTail(), /level=error msg="pods do not see the volumes that the kubelet mounts"/);
    } finally {
      delete process.env['KUBENSMNT'];
      await daemon.destroy();
      await attempt(['umount', path]);
      await attempt(['umount', folder]);
    }
  });

  test('the unit starts it, below another prefix too', async () => {
    const unit = (prefix: string) =>
      readFileSync(join(destination, prefix, 'lib/systemd/system/cria.service'), 'utf8');
    assert.match(unit('usr'), /^ExecStart=\/usr\/bin\/cria /m);
    await install('--prefix', '/opt/cria');
    assert.match(unit('opt/cria'), /^ExecStart=\/opt\/cria\/bin\/cria /m);
    assert.equal(statSync(join(destination, 'opt/cria/bin/cria')).mode & 0o777, 0o755);
  });

  test('--uninstall takes all files away, an unknown argument none', async () => {
    assert.equal((await attempt([script, '--uninstal'])).exitCode, 2);
    await install('--uninstall');
    for (const path of [cria, join(usr, 'lib/cria'), join(usr, 'lib/systemd/system/cria.service')])
      assert.ok(!existsSync(path), path);
  });
});
