// Constructs every part of the daemon. With the wire-*.ts beside it the only place that names concrete adapters.

import { join } from 'node:path';
import { CdiDirectories } from '../../internal/cdi/cdi-directories.ts';
import type { Config } from '../../internal/config/options.ts';
import type { CriParts } from '../../internal/cri/cri-parts.ts';
import { countPull } from '../../internal/image/count-pulls.ts';
import { logPull } from '../../internal/image/log-pulls.ts';
import type { Logger } from '../../internal/log/logger.ts';
import { createMetrics, type Metrics } from '../../internal/metrics/metrics.ts';
import type { MonitorMetrics } from '../../internal/metrics/monitor-metrics.ts';
import { NativeMonitors } from '../../internal/monitor/native-monitors.ts';
import type { Spawner } from '../../internal/monitor/spawner.ts';
import { SpawnerRunner } from '../../internal/monitor/spawner-runner.ts';
import { BindMountPinner } from '../../internal/namespaces/bind-mount-pinner.ts';
import { knowsSandbox } from '../../internal/sandbox/restore-sandboxes.ts';
import type { SandboxParts } from '../../internal/sandbox/sandbox-parts.ts';
import { probeMounts } from './probe-mounts.ts';
import type { Follower } from './reload.ts';
import { versionInfo } from './version.ts';
import { wireContainers } from './wire-containers.ts';
import { type ImageParts, wireImages } from './wire-images.ts';
import { wireSandboxes } from './wire-sandboxes.ts';
import { streamIdentity, wireStreams } from './wire-streams.ts';

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
  const { cria, runtime } = config;
  const collectors = config.metrics.metrics_collectors;
  const metrics = createMetrics({ collectors, defaultRuntime: runtime.default_runtime });
  const { store, images, follow } = await wireImages(config, {
    runner,
    logger,
    lifetime: lifetime.signal,
    pullWatchers: [() => logPull(logger), () => countPull(metrics.images)],
  });
  const monitors = wireMonitors(config, spawner, metrics.monitors, logger);
  const cdi = new CdiDirectories(runtime.cdi_spec_dirs, logger);
  const namespaces = new BindMountPinner(runtime.namespaces_dir, cria.monitor_path, runner);
  const layers = store.containers;
  const abilities = await probeMounts({ runDir: cria.run_dir, namespaces, layers, logger });
  const made = { images, cdi, layers, monitors, abilities, metrics: metrics.containers, logger };
  const { containers, prepare } = await wireContainers(config, made, runner);
  const sandboxes = await wireSandboxes(config, { containers, namespaces }, runner, metrics.network);
  const streams = wireStreams(config, metrics.streams, logger);
  const info = runtimeInfo(config);
  // Nobody asks for what is not served.
  const observeOperation = config.metrics.enable_metrics ? metrics.observeOperation : (): void => {};
  return {
    cri: { sandboxes, containers, streams, info, observeOperation, logger },
    metrics,
    async follow(changed) {
      const applyToContainers = await prepare(changed);
      await follow(changed);
      await streams.follow(streamIdentity(changed));
      cdi.follow(changed.runtime.cdi_spec_dirs);
      applyToContainers();
      metrics.setDefaultRuntime(changed.runtime.default_runtime);
    },
    maintain: () => sandboxes.network.maintain((id) => knowsSandbox(sandboxes, id), lifetime.signal),
    close(at) {
      lifetime.abort();
      return endParts({ sandboxes, monitors, images, store }, at);
    },
  };
}

type Work = Pick<ImageParts, 'images' | 'store'> & {
  readonly sandboxes: SandboxParts;
  readonly monitors: NativeMonitors;
};

/** Waits for what the parts have begun, each after those that use it. */
async function endParts(parts: Work, at: (work: string) => void): Promise<void> {
  const { sandboxes, monitors, images, store } = parts;
  monitors.close();
  at('the forwarded ports');
  await sandboxes.dialer.close();
  at('the pulls');
  await images.idle();
  at('the image store');
  await store.close();
  at('the cgroup of the pods');
  await sandboxes.containers.cgroups.removeEmptyDefaultParent();
}

/** What the node is told of the runtime. */
function runtimeInfo({ cria, image }: Config): CriParts['info'] {
  return {
    runtimeName: cria.runtime_name,
    version: versionInfo().version,
    pauseImage: image.pause_image,
    stateDirectory: cria.run_dir,
  };
}

function wireMonitors(
  { cria, runtime }: Config,
  spawner: Spawner,
  metrics: MonitorMetrics,
  logger: Logger,
): NativeMonitors {
  const monitors = new NativeMonitors({
    monitorPath: cria.monitor_path,
    socketsDir: join(cria.run_dir, 'm'),
    exitsDir: join(cria.data_dir, 'exits'),
    exitCodesDir: runtime.container_exits_dir,
    spawner,
    logger,
  });
  spawner.onRestart(() => metrics.spawnerRestarted());
  monitors.onMonitorLost((_, monitorPid) => {
    if (monitorPid !== undefined) metrics.adopted();
  });
  return monitors;
}
