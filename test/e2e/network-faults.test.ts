// CNI plugins that hang, fail and talk nonsense.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestDaemon } from '../harness/daemon.ts';
import { freePort } from '../harness/host-network.ts';
import { runPod } from '../harness/pods.ts';
import { commandOf, processIds } from '../harness/proc.ts';
import { missing } from '../harness/requirements.ts';
import { ScriptedPlugin } from '../harness/scripted-plugin.ts';
import { patienceMs, until } from '../harness/until.ts';
import { assertWorld, settledWorld, type World, worldSnapshot } from '../harness/world.ts';

describe('a CNI plugin', { skip: missing('runc') }, () => {
  let plugin: ScriptedPlugin;
  let daemon: TestDaemon;
  let metricsPort = 0;
  let empty: World;

  before(async () => {
    plugin = new ScriptedPlugin();
    metricsPort = await freePort();
    daemon = new TestDaemon({
      network: { pluginDirectories: [plugin.directory], morePlugins: [{ type: plugin.type }] },
      criaToml: 'cni_add_timeout = "8s"\ncni_del_timeout = "8s"',
      extraToml: `[crio.metrics]\nenable_metrics = true\nmetrics_port = ${metricsPort}\n`,
    });
    await daemon.start();
    empty = await settledWorld(daemon);
  });

  afterEach(() => plugin.mend());

  after(async () => {
    await daemon?.destroy();
    plugin?.destroy();
  });

  async function metric(name: string): Promise<string | undefined> {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    return new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
  }

  const run = (name: string): Promise<string> => runPod(daemon.client, daemon.pod(name));
  const stop = (podSandboxId: string) => daemon.client.runtime('StopPodSandbox', { podSandboxId });

  async function networkReadyBecomes(wanted: true | RegExp): Promise<void> {
    let last = '';
    for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await sleep(100)) {
      const { status } = await daemon.client.runtime('Status', {});
      const ready = status?.conditions?.find(({ type }) => type === 'NetworkReady');
      if (wanted === true ? ready?.status : !ready?.status && wanted.test(ready?.message ?? '')) return;
      last = JSON.stringify(ready);
    }
    assert.fail(`NetworkReady is ${last}, not ${wanted}`);
  }

  test('that hangs is killed with all that it started, and nothing is left of the pod', async () => {
    const mark = `${3_000_000 + process.pid}`;
    plugin.at('ADD', `sleep ${mark} & setsid sleep ${mark} & sleep ${mark}`);
    await assert.rejects(
      run('hang'),
      /DEADLINE_EXCEEDED.*pod "default\/hang": ADD of CNI plugin "scripted" did not end in time and was killed/,
    );
    await assertWorld(daemon, empty);
    await until('all are dead', () => !processIds().map(commandOf).includes(`sleep ${mark}`));
  });

  test('that prints garbage is named, with a bounded part of what it said', async () => {
    plugin.at('ADD', 'yes "no result" | head -c 3000000; exit 0');
    await assert.rejects(run('garbage'), (error: Error) => {
      assert.match(error.message, /ADD of CNI plugin "scripted" printed no JSON result: no result no result/);
      assert.ok(error.message.length < 2000, `${error.message.length} characters`);
      return true;
    });
    plugin.at('ADD', 'echo "segmentation fault" >&2; exit 139');
    await assert.rejects(
      run('crash'),
      /CNI plugin "scripted" exited with code \d+ without an error report: segmentation fault/,
    );
    await assertWorld(daemon, empty);
  });

  test('whose DEL fails lets the pod go at the second stop, and is asked until it succeeds', async () => {
    const podId = await run('stuck');
    plugin.at('DEL', `echo '{"code":100,"msg":"the controller is away"}'; exit 1`);
    await assert.rejects(stop(podId), /DEL of CNI plugin "scripted" failed: the controller is away/);
    await stop(podId);
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId: podId });
    assert.deepEqual((await daemon.client.runtime('ListPodSandbox', {})).items, []);
    assert.equal(await metric('cria_network_deferred_deletes'), '1');
    assert.equal(worldSnapshot(daemon).namespaces.includes(`netns/${podId}`), true, 'DEL still needs it');
    await daemon.kill();
    await daemon.start();
    assert.equal(await metric('cria_network_deferred_deletes'), '1', 'a new daemon knows it');
    plugin.mend();
    for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await sleep(100))
      if ((await metric('cria_network_deferred_deletes')) === '0') break;
    await assertWorld(daemon, empty);
    assert.deepEqual(readdirSync(join(daemon.paths.dataDir, 'network/deferred')), []);
    assert.match(readFileSync(daemon.logFile, 'utf8'), /network of a sandbox is released at last.*\n/);
  });

  test('that speaks version 1.1 says whether the network is ready, and is told what may live', async () => {
    const conflist = join(daemon.root, 'cni/10-pods.conflist');
    const before = readFileSync(conflist, 'utf8');
    const told = join(plugin.directory, 'told');
    plugin.at('STATUS', `echo '{"code":50,"msg":"the agent is away"}'; exit 1`);
    plugin.at('GC', `printf %s "$stdin" > ${told}.new; mv ${told}.new ${told}`);
    // of the plugins of this machine only the test's own speaks 1.1
    const list = { cniVersion: '1.1.0', name: daemon.bridge, plugins: [{ type: plugin.type }] };
    const podId = await run('valid');
    writeFileSync(conflist, JSON.stringify(list));
    const unready = /STATUS of CNI plugin "scripted" failed: the agent is away/;
    await networkReadyBecomes(unready);
    rmSync(join(plugin.directory, 'scripted.STATUS'));
    await networkReadyBecomes(true);
    await daemon.restart();
    for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await sleep(100))
      if (existsSync(told)) break;
    const valid = JSON.parse(readFileSync(told, 'utf8'))['cni.dev/valid-attachments'];
    assert.deepEqual(valid, [{ containerID: podId, ifname: 'eth0' }]);
    writeFileSync(conflist, '{');
    await networkReadyBecomes(/10-pods\.conflist: not JSON/);
    writeFileSync(conflist, before);
    await networkReadyBecomes(true);
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId: podId });
    await assertWorld(daemon, empty);
  });

  test('whose DEL fails after its ADD keeps nothing of the pod but its own debt', async () => {
    plugin.at('ADD', 'exit 1');
    plugin.at('DEL', 'exit 1');
    await assert.rejects(
      run('twice'),
      /ADD of CNI plugin "scripted" exited with code 1 without an error report/,
    );
    assert.deepEqual((await daemon.client.runtime('ListPodSandbox', {})).items, []);
    plugin.mend();
    await assertWorld(daemon, empty);
  });
});
