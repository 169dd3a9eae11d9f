// The parts of the daemon by which pods come to be: their namespaces, their network, their ids.

import { join } from 'node:path';
import { RequestFlight } from '../../internal/async/request-flight.ts';
import { SingleFlight } from '../../internal/async/single-flight.ts';
import type { Config } from '../../internal/config/options.ts';
import { parseDurationMs } from '../../internal/config/quantities.ts';
import { storageOptions } from '../../internal/config/storage-options.ts';
import type { NetworkMetrics } from '../../internal/metrics/network-metrics.ts';
import { NamespaceDialer } from '../../internal/namespaces/namespace-dialer.ts';
import { CniPodNetwork, type CniPodNetworkOptions } from '../../internal/network/cni-pod-network.ts';
import type { CommandRunner } from '../../internal/process/command-runner.ts';
import { RecordStore } from '../../internal/records/record-store.ts';
import { AutomaticIds } from '../../internal/sandbox/automatic-ids.ts';
import type { SandboxParts } from '../../internal/sandbox/sandbox-parts.ts';
import { preparePauseRootfs } from './pause-rootfs.ts';

/** Makes what sandboxes are made with; it has the daemon's only pod network. */
export async function wireSandboxes(
  config: Config,
  { containers, namespaces }: Pick<SandboxParts, 'containers' | 'namespaces'>,
  runner: CommandRunner,
  metrics: NetworkMetrics,
): Promise<SandboxParts> {
  const { cria, runtime } = config;
  const pauseRootfs = await preparePauseRootfs(join(cria.run_dir, 'pause'), cria.pause_path);
  await containers.selinux.share(pauseRootfs);
  return {
    sandboxes: new RecordStore('sandbox'),
    creations: new RequestFlight('sandbox name'),
    stops: new SingleFlight(),
    directories: { data: join(cria.data_dir, 'sandboxes'), run: join(cria.run_dir, 'sandboxes') },
    automaticIds: new AutomaticIds(storageOptions(config.crio.storage_option).autoUserNamespaceUser),
    namespaces,
    dialer: new NamespaceDialer(),
    network: await CniPodNetwork.open(
      { ...cniOptions(config), metrics, onReleased: (sandboxId) => namespaces.unpin(sandboxId) },
      runner,
      containers.logger,
    ),
    containers,
    defaults: {
      sysctls: Object.fromEntries(runtime.default_sysctls.map(splitSetting)),
      dropInfraContainer: runtime.drop_infra_ctr,
      infraCpuset: runtime.infra_ctr_cpuset,
      logDirectory: config.crio.log_dir,
      pauseRootfs,
      minimumMappable: { uid: runtime.minimum_mappable_uid, gid: runtime.minimum_mappable_gid },
      hostResolvConf: '/etc/resolv.conf',
    },
  };
}

function cniOptions({
  cria,
  runtime,
  network,
}: Config): Omit<CniPodNetworkOptions, 'metrics' | 'onReleased'> {
  return {
    configDirectory: network.network_dir,
    pluginDirectories: network.plugin_dirs,
    defaultNetwork: network.cni_default_network || undefined,
    stateDirectory: join(cria.data_dir, 'network'),
    mapsHostPorts: !runtime.disable_hostport_mapping,
    statusGraceMs: parseDurationMs(network.cni_status_grace_period) ?? 0,
    addTimeoutMs: parseDurationMs(cria.cni_add_timeout) || 220_000,
    delTimeoutMs: parseDurationMs(cria.cni_del_timeout) || 60_000,
  };
}

function splitSetting(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  return [text.slice(0, at).trim(), text.slice(at + 1)];
}
