// What contrib/install.sh installs is the whole program: it runs pods without the folder that it was built in.

import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { attempt, command, findProgram } from '../harness/command.ts';
import { nodeOptions, TestDaemon } from '../harness/daemon.ts';
import { createContainer, readContainerLog, removeAllPods, runPod, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';

const script = fileURLToPath(new URL('../../../contrib/install.sh', import.meta.url));
const needed = 'bash cat chmod cp dirname env find grep install mkdir mv readlink rm sed'.split(' ');

/** The script in a folder that has node in contrib/toolchain alone, and a PATH without one. */
function withPinnedNode(folder: string): { readonly script: string; readonly path: string } {
  const repository = dirname(dirname(script));
  const checkout = join(folder, 'checkout');
  const path = join(folder, 'path');
  for (const directory of [checkout, path]) mkdirSync(directory, { recursive: true });
  for (const name of readdirSync(repository))
    if (name !== 'contrib') symlinkSync(join(repository, name), join(checkout, name));
  const filter = (source: string) => !source.includes('toolchain');
  cpSync(join(repository, 'contrib'), join(checkout, 'contrib'), { recursive: true, filter });
  const bin = join(checkout, 'contrib/toolchain/node_modules/node-linux-any/bin');
  mkdirSync(bin, { recursive: true });
  cpSync(process.execPath, join(bin, 'node'));
  for (const name of needed) symlinkSync(findProgram(name) ?? '', join(path, name));
  return { script: join(checkout, 'contrib/install.sh'), path };
}

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
      const argv = readFileSync(`/proc/${daemon.pid}/cmdline`, 'utf8').split('\0');
      assert.deepEqual(argv.slice(1, 1 + nodeOptions.length), nodeOptions);
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

  test('the pinned node is taken along, and found before anything is replaced', async () => {
    const pinned = withPinnedNode(join(destination, 'pinned'));
    const env = ['env', `PATH=${pinned.path}`, `DESTDIR=${join(destination, 'there')}`];
    await command([...env, pinned.script], { timeoutMs: 60_000 });
    rmSync(dirname(dirname(pinned.script)), { recursive: true });
    const installed = join(destination, 'there/usr/bin/cria');
    assert.match(await command(['env', `PATH=${pinned.path}`, installed, '--version']), /^cria \d/);
  });

  test('another program of this name is left alone, with what lies beside it', async () => {
    const program = join(destination, 'other/bin/cria');
    const library = join(destination, 'other/lib/cria');
    for (const path of [dirname(program), library]) mkdirSync(path, { recursive: true });
    writeFileSync(program, '#!/bin/sh\necho another\n');
    chmodSync(program, 0o755);
    for (const args of [[], ['--uninstall']])
      await assert.rejects(install('--prefix', '/other', ...args), /other\/bin\/cria is another program/);
    assert.match(readFileSync(program, 'utf8'), /another/);
    assert.ok(existsSync(library));
  });

  test('DESTDIR is where the caller says, and a prefix that no unit can have is refused', async () => {
    await command(['env', '-C', destination, 'DESTDIR=relative', script], { timeoutMs: 60_000 });
    assert.ok(existsSync(join(destination, 'relative/usr/bin/cria')));
    await assert.rejects(install('--prefix', '/opt/a b'), /cannot have in a path/);
  });

  test('--uninstall takes all files away, an unknown argument none', async () => {
    assert.equal((await attempt([script, '--uninstal'])).exitCode, 2);
    await install('--uninstall');
    for (const path of [cria, join(usr, 'lib/cria'), join(usr, 'lib/systemd/system/cria.service')])
      assert.ok(!existsSync(path), path);
  });
});
