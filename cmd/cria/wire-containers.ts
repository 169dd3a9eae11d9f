// The parts of the daemon by which containers are made, run and ended.

import { join } from 'node:path';
import { openAppArmor } from '../../internal/apparmor/kernel-apparmor.ts';
import { KeyedLock } from '../../internal/async/keyed-lock.ts';
import { RequestFlight } from '../../internal/async/request-flight.ts';
import { openCgroupManager } from '../../internal/cgroup/cgroup-manager.ts';
import { ContainerCgroups } from '../../internal/cgroup/container-cgroups.ts';
import { listCgroupMounts } from '../../internal/cgroup/hierarchy.ts';
import { openMonitorPlaces } from '../../internal/cgroup/monitor-places.ts';
import type { Config } from '../../internal/config/options.ts';
import { parseSizeBytes } from '../../internal/config/quantities.ts';
import type { ContainerDefaults, ContainerParts } from '../../internal/container/container-parts.ts';
import { ContainerStore } from '../../internal/container/container-store.ts';
import { CpuRates } from '../../internal/container/cpu-rates.ts';
import { probeHost } from '../../internal/container/host-facts.ts';
import { DefaultSeccomp, PrivilegedSeccomp } from '../../internal/container/seccomp-files.ts';
import { WritableLayers } from '../../internal/container/writable-layers.ts';
import { ListedHooks } from '../../internal/hooks/listed-hooks.ts';
import type { Logger } from '../../internal/log/logger.ts';
import { type HandlersSettings, openRuntimeHandlers } from '../../internal/oci/runtime-handlers.ts';
import type { CommandRunner } from '../../internal/process/command-runner.ts';
import { openSELinux } from '../../internal/selinux/kernel-selinux.ts';
import { containerRules } from './wire-annotations.ts';
import { runtimeDefaultProfile } from './wire-seccomp.ts';
import { wireTuning } from './wire-tuning.ts';

export interface WiredContainers {
  readonly containers: ContainerParts;
  /** Rejects for a configuration that cannot work; it applies from the call of what this gives on. */
  readonly prepare: (changed: Config) => Promise<() => void>;
}

/** Makes what containers are made with, but for what the whole daemon shares. */
export async function wireContainers(
  config: Config,
  made: Pick<ContainerParts, 'images' | 'cdi' | 'layers' | 'monitors' | 'abilities' | 'metrics' | 'logger'>,
  runner: CommandRunner,
): Promise<WiredContainers> {
  const runtimes = await openRuntimeHandlers(
    await handlersSettings(config, made.logger),
    runner,
    made.logger,
  );
  const apparmor = await openAppArmor({
    defaultProfile: config.runtime.apparmor_profile,
    runner,
    logger: made.logger,
    searchPath: process.env['PATH'] ?? '',
  });
  const containers = await containerParts(config, { ...made, runtimes, apparmor }, runner);
  return {
    containers,
    async prepare(changed) {
      const { runtime } = changed;
      const apply = await runtimes.prepare(await handlersSettings(changed, made.logger));
      const seccomp = await runtimeDefaultProfile(runtime.seccomp_profile, made.logger);
      const applyAppArmor = await apparmor.prepare(runtime.apparmor_profile);
      return () => {
        apply();
        applyAppArmor();
        containers.defaultSeccomp.follow(seccomp);
        containers.privilegedSeccomp.follow(runtime.privileged_seccomp_profile);
      };
    },
  };
}

async function containerParts(
  config: Config,
  made: Pick<
    ContainerParts,
    'images' | 'cdi' | 'layers' | 'monitors' | 'abilities' | 'metrics' | 'runtimes' | 'apparmor' | 'logger'
  >,
  runner: CommandRunner,
): Promise<ContainerParts> {
  const { cria, runtime } = config;
  return {
    ...made,
    containers: new ContainerStore(),
    locks: new KeyedLock(),
    creations: new RequestFlight('container name'),
    directories: { data: join(cria.data_dir, 'containers'), run: join(cria.run_dir, 'containers') },
    preparedMounts: join(cria.run_dir, 'mounts'),
    hooks: new ListedHooks(runtime.hooks_dir, made.logger),
    selinux: await openSELinux({ isWanted: runtime.selinux, logger: made.logger }),
    tuning: await wireTuning(config, runner, made.logger),
    defaultSeccomp: new DefaultSeccomp(await runtimeDefaultProfile(runtime.seccomp_profile, made.logger)),
    privilegedSeccomp: new PrivilegedSeccomp(runtime.privileged_seccomp_profile),
    cgroups: await openCgroupManager(runtime.cgroup_manager),
    monitorPlaces: await openMonitorPlaces(runtime.cgroup_manager, runner, made.logger),
    execMonitors: { cgroups: new ContainerCgroups(await listCgroupMounts()), told: new WeakSet() },
    stats: { rates: new CpuRates(), layers: new WritableLayers() },
    defaults: containerDefaults(config),
    host: await probeHost(),
  };
}

async function handlersSettings({ runtime }: Config, logger: Logger): Promise<HandlersSettings> {
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
  return { handlers, defaultName: runtime.default_runtime, systemdCgroup };
}

function containerDefaults(config: Config): ContainerDefaults {
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
      deviceOwnershipFromSecurityContext: runtime.device_ownership_from_security_context,
      readOnlyRootfs: runtime.read_only,
    },
    logSizeMaxBytes: runtime.log_size_max < 0 ? undefined : runtime.log_size_max,
    absentMountSourcesToReject: runtime.absent_mount_sources_to_reject,
    sharedCpus: runtime.shared_cpuset,
    imageVolumes: config.image.image_volumes,
    noPivot: runtime.no_pivot,
    leastGoMaxProcs: runtime.min_injected_gomaxprocs,
    killWaitMs: runtime.ctr_stop_timeout * 1000,
    timeZone: runtime.timezone,
    hostNetworkIsUnlabelled: runtime.hostnetwork_disable_selinux,
  };
}
