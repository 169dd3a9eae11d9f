// The newcomer's script, from nothing to a pod and back to nothing. It has fixed names, so it runs only where nobody
// uses the quickstart now.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { attempt, command } from '../harness/command.ts';
import { pathsIn } from '../harness/daemon-config.ts';
import { podNetworkTraces } from '../harness/host-network.ts';
import { mountsBelow, processesOf } from '../harness/proc.ts';
import { missing } from '../harness/requirements.ts';
import { cgroupDirectories } from '../harness/world.ts';

const root = '/var/lib/cria-quickstart';
const cgroupParent = '/cria-quickstart';
const bridge = 'cria-quick0';
const script = fileURLToPath(new URL('../../../contrib/quickstart.sh', import.meta.url));
const inUse = existsSync(root) ? `${root} exists: the quickstart is in use` : false;

describe('contrib/quickstart.sh', { skip: missing('runc', 'gcc', 'iptables') || inUse }, () => {
  const forwarding = () => readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8');
  const before = forwarding();
  const run = (...args: readonly string[]) => command([script, ...args], { timeoutMs: 300_000 });
  const daemonPid = () => Number(readFileSync(`${root}/cria.pid`, 'utf8'));

  function assertNothingLeft(): void {
    assert.deepEqual(processesOf(root, cgroupParent), []);
    assert.deepEqual(mountsBelow(root), []);
    assert.deepEqual(cgroupDirectories(cgroupParent), []);
    assert.deepEqual(podNetworkTraces(bridge), []);
    assert.ok(!existsSync(`/sys/class/net/${bridge}`));
    assert.ok(!existsSync(root));
    assert.equal(forwarding(), before);
  }

  after(() => attempt([script, '--stop']));

  test('it shows a pod with address, log and exit code, and a second run does too', async () => {
    for (const _ of ['first', 'second']) {
      const output = await run();
      assert.match(output, /pod [0-9a-f]{12} \(demo-\w+\) runs, IP \d+\.\d+\.\d+\.\d+/);
      assert.match(output, /stdout: hello from demo-/);
      assert.match(output, /exited with code 7/);
      assert.ok(output.includes(`--container-runtime-endpoint=unix://${pathsIn(root).socket}`));
    }
  });

  test('--stop leaves nothing', async () => {
    await run('--stop');
    assertNothingLeft();
  });

  test('--stop leaves nothing of a daemon that was killed', async () => {
    await run();
    process.kill(daemonPid(), 'SIGKILL');
    await run('--stop');
    assertNothingLeft();
  });

  test('--stop without anything running is success, an unknown argument is not', async () => {
    await run('--stop');
    assert.equal((await attempt([script, '--sotp'])).exitCode, 2);
    assert.match(await run('--help'), /^usage: /);
  });
});
