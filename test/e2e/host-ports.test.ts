// Host ports by rules of our own and by the portmap plugin. The daemon runs in a network namespace that stands for the
// host, so that neither ports nor rules of this machine are touched.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { PortMapping } from '../../internal/cri/gen/runtime/v1/PortMapping.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { askFrom, HostNamespace } from '../harness/host-namespace.ts';
import { networkedPod, runServingPod, type ServingPod, words } from '../harness/pod-server.ts';
import { missing } from '../harness/requirements.ts';
import { UdpSender } from '../harness/udp-sender.ts';
import { assertWorld, settledWorld, worldSnapshot } from '../harness/world.ts';

const subnet6 = 'fd00:c51a:77::/64';
const gateway6 = 'fd00:c51a:77::1';

const anyTcp: PortMapping = { protocol: 'TCP', containerPort: 8080, hostPort: 18_080 };
const udp: PortMapping = { protocol: 'UDP', containerPort: 5353, hostPort: 15_353 };
const sctp: PortMapping = { protocol: 'SCTP', containerPort: 9000, hostPort: 19_000 };
const loopbackTcp: PortMapping = {
  protocol: 'TCP',
  containerPort: 8081,
  hostPort: 18_081,
  hostIp: '127.0.0.1',
};

describe('host ports by rules of our own', { skip: missing('runc', 'nft') }, () => {
  let host: HostNamespace;
  let daemon: TestDaemon;
  let gateway: string;
  const pods: ServingPod[] = [];

  before(async () => {
    host = new HostNamespace();
    const network = { moreSubnets: [subnet6], bridge: { hairpinMode: true } };
    daemon = new TestDaemon({ hostNetns: host.path, network });
    await daemon.start();
  });

  after(async () => {
    for (const pod of pods) await pod.end();
    await daemon?.destroy();
    host?.destroy();
  });

  async function serve(name: string, portMappings: PortMapping[]): Promise<ServingPod> {
    const pod = await runServingPod(daemon, networkedPod(daemon, name, { portMappings }));
    pods.push(pod);
    return pod;
  }

  async function remove(...pods: readonly ServingPod[]): Promise<void> {
    for (const pod of pods) {
      await pod.end();
      await daemon.client.runtime('RemovePodSandbox', { podSandboxId: pod.podId });
    }
  }

  const rules = (): string => host.run('nft', 'list', 'ruleset');
  const ownTable = (): string | undefined => /table inet (cria_ports_\w+)/.exec(rules())?.[1];
  const localnet = (): string => host.switchOf(`ipv4/conf/${daemon.bridge}/route_localnet`);

  test('lead to the pod by every address of the host, also from the pod itself, until it is stopped', async () => {
    const untouched = await settledWorld(daemon);
    const pod = await serve('all-ways', [anyTcp, udp, sctp, loopbackTcp]);
    gateway = (pod.ips[0] ?? '').replace(/\d+$/, '1');
    assert.equal(host.ask('127.0.0.1', 18_080), words);
    await host.usesAddress(gateway6);
    for (const address of [gateway, gateway6]) assert.equal(host.ask(address, 18_080), words, address);
    assert.equal(host.ask('127.0.0.1', 15_353, 'udp'), words);
    assert.equal(host.ask(gateway, 15_353, 'udp'), words);
    assert.equal(host.ask('127.0.0.1', 18_081), words);
    assert.equal(host.ask(gateway, 18_081), undefined, 'hostIP is honoured');
    for (const address of [gateway, gateway6])
      assert.equal(askFrom(pod.netns, address, 18_080), words, `the pod itself by ${address}`);
    assert.match(rules(), new RegExp(`sctp dport 19000 dnat ip to ${pod.ips[0]}:9000`));
    assert.equal(localnet(), '1');
    assert.match(rules(), new RegExp(`iifname "${daemon.bridge}" ip daddr 127.0.0.0/8 drop`));

    await daemon.client.runtime('StopPodSandbox', { podSandboxId: pod.podId });
    assert.equal(ownTable(), undefined);
    assert.equal(localnet(), '0');
    assert.equal(host.ask('127.0.0.1', 18_080), undefined);
    await remove(pod);
    await assertWorld(daemon, untouched);
  });

  test('of two pods are refused by name before anything is made', async () => {
    const first = await serve('first', [anyTcp]);
    const before = await settledWorld(daemon);
    const rulesBefore = rules();
    for (const hostIp of ['', '127.0.0.1', '::']) {
      const config = networkedPod(daemon, 'second', { portMappings: [{ ...anyTcp, hostIp }] });
      await assert.rejects(
        daemon.client.runtime('RunPodSandbox', { config, runtimeHandler: '' }),
        new RegExp(
          `FAILED_PRECONDITION.*18080/tcp.*is taken by pod "default/first" .sandbox "${first.podId}"`,
        ),
      );
    }
    await assertWorld(daemon, before);
    assert.equal(rules(), rulesBefore);
    const other = await serve('other', [
      { ...anyTcp, hostPort: 18_090 },
      { ...udp, hostPort: 18_080 },
    ]);
    await remove(first, other);
    assert.equal(ownTable(), undefined);
    const again = await serve('second', [anyTcp]);
    await remove(again);
  });

  test('of UDP lead also those who have sent before', { skip: missing('conntrack') }, async () => {
    const other = await serve('udp-other', [anyTcp]); // so that flows are tracked all the time
    const sender = new UdpSender(host.path, '127.0.0.1', 15_353);
    try {
      await sender.sent(3); // the kernel has seen the flow: nobody listens
      const first = await serve('udp-first', [udp]);
      await sender.answered();
      await remove(first);
      const second = await serve('udp-second', [udp]);
      await sender.answered();
      await remove(second, other);
    } finally {
      sender.end();
    }
  });

  test('outlive the daemon; a new one takes away what is not a pod of its own, and nothing of others', async () => {
    const pod = await serve('lasting', [anyTcp]);
    assert.equal(host.ask('127.0.0.1', 18_080), words);
    await daemon.kill();
    assert.equal(host.ask('127.0.0.1', 18_080), words, 'while no daemon lives');
    const table = ownTable() ?? '';
    host.run(
      'nft',
      'add',
      'rule',
      'inet',
      table,
      'ports',
      'tcp',
      'dport',
      '18999',
      'dnat',
      'ip',
      'to',
      '10.1.1.1:1',
    );
    host.run('nft', 'add', 'table', 'inet', 'of_others');
    await daemon.start();
    assert.equal(host.ask('127.0.0.1', 18_080), words);
    assert.doesNotMatch(rules(), /18999/);

    await daemon.kill();
    host.run('nft', 'delete', 'table', 'inet', table);
    await daemon.start();
    assert.equal(host.ask('127.0.0.1', 18_080), words, 'rules that somebody flushed are back');

    await remove(pod);
    assert.equal(ownTable(), undefined);
    assert.equal(localnet(), '0');
    assert.match(rules(), /table inet of_others/);
  });

  test('of a pod that a reboot has ended are gone with the next start', async () => {
    const pod = await serve('before-boot', [anyTcp]);
    await daemon.kill();
    const [netns] = worldSnapshot(daemon).mounts.filter((point) => point.endsWith(`netns/${pod.podId}`));
    host.run('umount', netns ?? '');
    await daemon.start();
    assert.equal(ownTable(), undefined);
    const next = await serve('after-boot', [anyTcp]);
    await remove(pod, next);
  });
});

test('with disable_hostport_mapping none is mapped, and the pod runs', {
  skip: missing('runc', 'nft'),
}, async () => {
  const host = new HostNamespace();
  const daemon = new TestDaemon({ hostNetns: host.path, runtimeToml: 'disable_hostport_mapping = true' });
  try {
    await daemon.start();
    const config = networkedPod(daemon, 'unmapped', { portMappings: [anyTcp] });
    const { podSandboxId } = await daemon.client.runtime('RunPodSandbox', { config, runtimeHandler: '' });
    assert.doesNotMatch(host.run('nft', 'list', 'ruleset'), /cria_ports|18080/);
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
  } finally {
    await daemon.destroy();
    host.destroy();
  }
});

describe('host ports by the portmap plugin', { skip: missing('runc', 'nft') }, () => {
  test('lead to the pod, also after a restart, and no rules of our own are made', async () => {
    const host = new HostNamespace();
    const portmap = { type: 'portmap', capabilities: { portMappings: true } };
    const daemon = new TestDaemon({ hostNetns: host.path, network: { morePlugins: [portmap] } });
    let pod: ServingPod | undefined;
    try {
      await daemon.start();
      const config = networkedPod(daemon, 'mapped', { portMappings: [anyTcp, udp] });
      pod = await runServingPod(daemon, config);
      assert.equal(host.ask('127.0.0.1', 18_080), words);
      assert.equal(host.ask('127.0.0.1', 15_353, 'udp'), words);
      await daemon.restart();
      assert.equal(host.ask('127.0.0.1', 18_080), words);
      assert.doesNotMatch(host.run('nft', 'list', 'ruleset'), /cria_ports/);
      const second = networkedPod(daemon, 'second', { portMappings: [anyTcp] });
      await assert.rejects(
        daemon.client.runtime('RunPodSandbox', { config: second, runtimeHandler: '' }),
        /is taken by pod "default\/mapped"/,
      );
      await pod.end();
      await daemon.client.runtime('RemovePodSandbox', { podSandboxId: pod.podId });
      assert.equal(host.ask('127.0.0.1', 18_080), undefined);
    } finally {
      await pod?.end();
      await daemon.destroy();
      host.destroy();
    }
  });
});
