// Constructs every part of the daemon. The only place that names concrete adapters.

import { join } from 'node:path';
import { openAppArmor } from '../../internal/apparmor/kernel-apparmor.ts';
import { KeyedLock } from '../../internal/async/keyed-lock.ts';
import { RequestFlight } from '../../internal/async/request-flight.ts';
import { SingleFlight } from '../../internal/async/single-flight.ts';
import { CdiDirectories } from '../../internal/cdi/cdi-directories.ts';
import { openCgroupManager } from '../../internal/cgroup/cgroup-manager.ts';
import { ContainerCgroups } from '../../internal/cgroup/container-cgroups.ts';
import { listCgroupMounts } from '../../internal/cgroup/hierarchy.ts';
import { openMonitorPlaces } from '../../internal/cgroup/monitor-places.ts';
import type { Config } from '../../internal/config/options.ts';
import { parseDurationMs, parseSizeBytes } from '../../internal/config/quantities.ts';
import { storageOptions } from '../../internal/config/storage-options.ts';
import type { ContainerDefaults, ContainerParts } from '../../internal/container/container-parts.ts';
import { CpuRates } from '../../internal/container/cpu-rates.ts';
import { probeHost } from '../../internal/container/host-facts.ts';
import { PrivilegedSeccomp } from '../../internal/container/seccomp-files.ts';
import { WritableLayers } from '../../internal/container/writable-layers.ts';
import type { CriParts } from '../../internal/cri/cri-parts.ts';
import { ListedHooks } from '../../internal/hooks/listed-hooks.ts';
import { countPull } from '../../internal/image/count-pulls.ts';
import { logPull } from '../../internal/image/log-pulls.ts';
import type { Logger } from '../../internal/log/logger.ts';
import { createMetrics, type Metrics } from '../../internal/metrics/metrics.ts';
import type { MonitorMetrics } from '../../internal/metrics/monitor-metrics.ts';
import type { NetworkMetrics } from '../../internal/metrics/network-metrics.ts';
import { NativeMonitors } from '../../internal/monitor/native-monitors.ts';
import type { Spawner } from '../../internal/monitor/spawner.ts';
import { SpawnerRunner } from '../../internal/monitor/spawner-runner.ts';
import { BindMountPinner } from '../../internal/namespaces/bind-mount-pinner.ts';
import { NamespaceDialer } from '../../internal/namespaces/namespace-dialer.ts';
import { CniPodNetwork } from '../../internal/network/cni-pod-network.ts';
import type { RuntimeHandlers } from '../../internal/oci/oci-runtime.ts';
import { openRuntimeHandlers } from '../../internal/oci/runtime-handlers.ts';
import type { CommandRunner } from '../../internal/process/command-runner.ts';
import { RecordStore } from '../../internal/records/record-store.ts';
import { AutomaticIds } from '../../internal/sandbox/automatic-ids.ts';
import { knowsSandbox } from '../../internal/sandbox/restore-sandboxes.ts';
import type { SandboxParts } from '../../internal/sandbox/sandbox-parts.ts';
import { openSELinux } from '../../internal/selinux/kernel-selinux.ts';
import { preparePauseRootfs } from './pause-rootfs.ts';
import { probeMounts } from './probe-mounts.ts';
import type { Follower } from './reload.ts';
import { versionInfo } from './version.ts';
import { containerRules } from './wire-annotations.ts';
import { wireImages } from './wire-images.ts';
import { runtimeDefaultProfile } from './wire-seccomp.ts';
import { streamIdentity, wireStreams } from './wire-streams.ts';
import { wireTuning } from './wire-tuning.ts';

export interface Daemon {
  readonly cri: CriParts;
  readonly metrics: Metrics;
  readonly follow: Follower;
  /** Starts what the parts do by themselves; for use when everything is restored. */
  maintain(): void;
  /** Ends what the parts do by themselves; containers and their monitors go on. `at` is told what is waited for. */
  close(at: (work: string) => void): Promise<void>;
}

/** Where monitors deposit what their containers need; a unix socket, whose path has at most 107 bytes. */
export function keepSocketOf({ cria }: Config): string {
  return join(cria.run_dir, 'keep');
}

/** Makes all parts. Nothing is restored and nothing serves yet. */
export async function wireDaemon(config: Config, spawner: Spawner, logger: Logger): Promise<Daemon> {
  const lifetime = new AbortController();
  const runner = new SpawnerRunner(spawner);
  const metrics = createMetrics({
    collectors: config.metrics.metrics_collectors,
    defaultRuntime: config.runtime.default_runtime,
  });
  const { store, images, follow } = await wireImages(config, {
    runner,
    logger,
    lifetime: lifetime.signal,
    pullWatchers: [() => logPull(logger), () => countPull(metrics.images)],
  });
  const monitors = wireMonitors(config, spawner, logger);
  countDeaths(metrics.monitors, monitors, spawner);
  const cdi = new CdiDirectories(config.runtime.cdi_spec_dirs, logger);
  const made = { images, cdi, layers: store.containers, monitors, metrics: metrics.containers, logger };
  const { cria, runtime } = config;
  const namespaces = new BindMountPinner(runtime.namespaces_dir, cria.monitor_path, runner);
  const abilities = await probeMounts({ runDir: cria.run_dir, namespaces, layers: store.containers, logger });
  const containers = await wireContainers(config, { ...made, abilities }, runner);
  const sandboxes = await wireSandboxes(config, { containers, namespaces }, runner, metrics.network);
  const streams = wireStreams(config, metrics.streams, logger);
  const info = {
    runtimeName: config.cria.runtime_name,
    version: versionInfo().version,
    pauseImage: config.image.pause_image,
    stateDirectory: config.cria.run_dir,
  };
  return {
    cri: { sandboxes, containers, streams, info, observeOperation: metrics.observeOperation, logger },
    metrics,
    async follow(changed) {
      await follow(changed);
      await streams.follow(streamIdentity(changed));
      cdi.follow(changed.runtime.cdi_spec_dirs);
      containers.privilegedSeccomp.follow(changed.runtime.privileged_seccomp_profile);
    },
    maintain() {
      sandboxes.network.maintain((id) => knowsSandbox(sandboxes, id), lifetime.signal);
    },
    async close(at) {
      lifetime.abort();
      monitors.close();
      at('the forwarded ports');
      await sandboxes.dialer.close();
      at('the pulls');
      await images.idle();
      at('the image store');
      await store.close();
      at('the cgroup of the pods');
      await containers.cgroups.removeEmptyDefaultParent();
    },
  };
}

function countDeaths(metrics: MonitorMetrics, monitors: NativeMonitors, spawner: Spawner): void {
  spawner.onRestart(() => metrics.spawnerRestarted());
  monitors.onMonitorLost((_, monitorPid) => {
    if (monitorPid !== undefined) metrics.adopted();
  });
}

function wireMonitors({ cria, runtime }: Config, spawner: Spawner, logger: Logger): NativeMonitors {
  return new NativeMonitors({
    monitorPath: cria.monitor_path,
    socketsDir: join(cria.run_dir, 'm'),
    exitsDir: join(cria.data_dir, 'exits'),
    exitCodesDir: runtime.container_exits_dir,
    spawner,
    logger,
  });
}

async function wireContainers(
  config: Config,
  made: Pick<ContainerParts, 'images' | 'cdi' | 'layers' | 'monitors' | 'abilities' | 'metrics' | 'logger'>,
  runner: CommandRunner,
): Promise<ContainerParts> {
  const { cria, runtime } = config;
  return {
    ...made,
    containers: new RecordStore('container'),
    locks: new KeyedLock(),
    creations: new RequestFlight('container name'),
    directories: { data: join(cria.data_dir, 'containers'), run: join(cria.run_dir, 'containers') },
    preparedMounts: join(cria.run_dir, 'mounts'),
    runtimes: await wireRuntimes(config, runner, made.logger),
    hooks: new ListedHooks(runtime.hooks_dir, made.logger),
    selinux: await openSELinux({ isWanted: runtime.selinux, logger: made.logger }),
    apparmor: await openAppArmor({
      defaultProfile: runtime.apparmor_profile,
      runner,
      logger: made.logger,
      searchPath: process.env['PATH'] ?? '',
    }),
    tuning: await wireTuning(config, runner, made.logger),
    privilegedSeccomp: new PrivilegedSeccomp(runtime.privileged_seccomp_profile),
    cgroups: await openCgroupManager(runtime.cgroup_manager),
    monitorPlaces: await openMonitorPlaces(runtime.cgroup_manager, runner, made.logger),
    execMonitors: { cgroups: new ContainerCgroups(await listCgroupMounts()), told: new WeakSet() },
    stats: { rates: new CpuRates(), layers: new WritableLayers() },
    defaults: await containerDefaults(config, made.logger),
    host: await probeHost(),
  };
}

async function wireSandboxes(
  config: Config,
  { containers, namespaces }: Pick<SandboxParts, 'containers' | 'namespaces'>,
  runner: CommandRunner,
  metrics: NetworkMetrics,
): Promise<SandboxParts> {
  const { cria, runtime, network } = config;
  const cni = {
    configDirectory: network.network_dir,
    pluginDirectories: network.plugin_dirs,
    defaultNetwork: network.cni_default_network || undefined,
    stateDirectory: join(cria.data_dir, 'network'),
    mapsHostPorts: !runtime.disable_hostport_mapping,
    onReleased: (sandboxId: string) => namespaces.unpin(sandboxId),
    metrics,
    statusGraceMs: parseDurationMs(network.cni_status_grace_period) ?? 0,
    addTimeoutMs: parseDurationMs(cria.cni_add_timeout) || 220_000,
    delTimeoutMs: parseDurationMs(cria.cni_del_timeout) || 60_000,
  };
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
    network: await CniPodNetwork.open(cni, runner, containers.logger),
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

async function wireRuntimes(
  { runtime }: Config,
  runner: CommandRunner,
  logger: Logger,
): Promise<RuntimeHandlers> {
  const made = Object.entries(runtime.runtimes).map(async ([name, handler]) => ({
    name,
    path: handler.runtime_path,
    root: handler.runtime_root,
    args: handler.runtime_args,
    platformPaths: handler.platform_runtime_paths,
    minMemoryBytes: parseSizeBytes(handler.container_min_memory) ?? 0,
    createTimeoutMs: handler.container_create_timeout * 1000,
    monitorCgroup: handler.monitor_cgroup,
    monitorEnv: handler.monitor_env,
    privilegedWithoutHostDevices: handler.privileged_without_host_devices,
    execCpuAffinity: handler.exec_cpu_affinity,
    execMonitorInContainer: handler.monitor_exec_cgroup === 'container' && runtime.infra_ctr_cpuset !== '',
    allowedAnnotations: handler.allowed_annotations,
    defaultAnnotations: handler.default_annotations,
    seccompProfile: await runtimeDefaultProfile(handler.seccomp_profile, logger),
  }));
  const handlers = await Promise.all(made);
  const systemdCgroup = runtime.cgroup_manager === 'systemd';
  return openRuntimeHandlers(
    { handlers, defaultName: runtime.default_runtime, systemdCgroup },
    runner,
    logger,
  );
}

async function containerDefaults(config: Config, logger: Logger): Promise<ContainerDefaults> {
  const { runtime } = config;
  return {
    ...containerRules(config),
    spec: {
      managerName: 'cria',
      capabilities: runtime.default_capabilities,
      addInheritableCapabilities: runtime.add_inheritable_capabilities,
      env: runtime.default_env,
      ulimits: runtime.default_ulimits,
      pidsLimit: runtime.pids_limit,
      shmSizeBytes: 64 * 1024 * 1024,
      seccompProfile: await runtimeDefaultProfile(runtime.seccomp_profile, logger),
      deviceOwnershipFromSecurityContext: runtime.device_ownership_from_security_context,
    },
    logSizeMaxBytes: runtime.log_size_max < 0 ? undefined : runtime.log_size_max,
    absentMountSourcesToReject: runtime.absent_mount_sources_to_reject,
    sharedCpus: runtime.shared_cpuset,
    readOnlyRootfs: runtime.read_only,
    noPivot: runtime.no_pivot,
    leastGoMaxProcs: runtime.min_injected_gomaxprocs,
    killWaitMs: runtime.ctr_stop_timeout * 1000,
    timeZone: runtime.timezone,
    hostNetworkIsUnlabelled: runtime.hostnetwork_disable_selinux,
  };
}

function splitSetting(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  return [text.slice(0, at).trim(), text.slice(at + 1)];
}
