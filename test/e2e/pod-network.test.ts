// Pods with addresses of both families, and with limits of bandwidth. The daemon runs in a network namespace that stands
// for the host.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '../harness/daemon.ts';
import { HostNamespace } from '../harness/host-namespace.ts';
import { networkedPod, runServingPod, type ServingPod, words } from '../harness/pod-server.ts';
import { missing } from '../harness/requirements.ts';
import { assertWorld, settledWorld } from '../harness/world.ts';

const bandwidthPlugin = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'].some((folder) =>
  existsSync(`${folder}/bandwidth`),
);
const reason = missing('runc', 'tc') || (bandwidthPlugin ? false : 'needs the CNI plugin bandwidth');

describe('the network of a pod', { skip: reason }, () => {
  const subnet6 = 'fd00:c51a:78::/64';
  let host: HostNamespace;
  let daemon: TestDaemon;
  let pod: ServingPod | undefined;

  before(async () => {
    host = new HostNamespace();
    const bandwidth = { type: 'bandwidth', capabilities: { bandwidth: true } };
    const network = { moreSubnets: [subnet6], morePlugins: [bandwidth] };
    daemon = new TestDaemon({ hostNetns: host.path, network });
    await daemon.start();
  });

  after(async () => {
    await pod?.end();
    await daemon?.destroy();
    host?.destroy();
  });

  const addressOf = (family: '-4' | '-6'): string =>
    host.runIn(pod?.netns ?? '', 'ip', family, 'address', 'show', 'eth0');

  test('has an address of each family, the first configured first, and is reached by both', async () => {
    const untouched = await settledWorld(daemon);
    pod = await runServingPod(daemon, networkedPod(daemon, 'dual', {}));
    assert.equal(pod.ips.length, 2);
    const [first = '', second = ''] = pod.ips;
    assert.match(first, /^10\./);
    assert.match(second, /^fd00:c51a:78::/);
    assert.ok(addressOf('-4').includes(` ${first}/`));
    assert.ok(addressOf('-6').includes(` ${second}/64 `));
    const isDisabled = host.runIn(pod.netns, 'cat', '/proc/sys/net/ipv6/conf/eth0/disable_ipv6');
    assert.equal(isDisabled.trim(), '0');
    await host.usesAddress('fd00:c51a:78::1');
    for (const ip of pod.ips) {
      assert.equal(host.ask(ip, 8080), words, ip);
      assert.equal(host.ask(ip, 5353, 'udp'), words, ip);
    }
    await daemon.restart();
    const { status } = await daemon.client.runtime('PodSandboxStatus', { podSandboxId: pod.podId });
    assert.deepEqual(
      [status?.network?.ip, ...(status?.network?.additionalIps ?? []).map(({ ip }) => ip)],
      [...pod.ips],
    );
    await pod.end();
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId: pod.podId });
    await assertWorld(daemon, untouched);
  });

  test('is limited as the bandwidth annotations say, and wrong ones are refused before anything is made', async () => {
    const untouched = await settledWorld(daemon);
    const limited = (ingress: string, egress: string) =>
      networkedPod(daemon, 'limited', {
        annotations: {
          'kubernetes.io/ingress-bandwidth': ingress,
          'kubernetes.io/egress-bandwidth': egress,
        },
      });
    for (const wrong of ['lots', '10', '2P', '-1M'])
      await assert.rejects(
        daemon.client.runtime('RunPodSandbox', { config: limited('10M', wrong), runtimeHandler: '' }),
        /INVALID_ARGUMENT.*kubernetes\.io\/egress-bandwidth/,
      );
    await assertWorld(daemon, untouched);
    pod = await runServingPod(daemon, limited('10M', '20M'));
    assert.equal(host.ask(pod.ips[0] ?? '', 8080), words);
    const rates = host.run('tc', 'qdisc', 'show').match(/tbf .* rate \S+/g) ?? [];
    assert.deepEqual(rates.map((line) => line.split(' ').at(-1)).sort(), ['10Mbit', '20Mbit']);
    await pod.end();
    await daemon.client.runtime('RemovePodSandbox', { podSandboxId: pod.podId });
    assert.doesNotMatch(host.run('tc', 'qdisc', 'show'), /tbf/);
    await assertWorld(daemon, untouched);
  });
});
