// The daemon's life: from a validated configuration to the end that a signal asks for.

import { once } from 'node:events';
import type { LoadedConfig } from '../../internal/config/load-config.ts';
import type { Config } from '../../internal/config/options.ts';
import { restoreContainers } from '../../internal/container/restore-containers.ts';
import type { CriParts } from '../../internal/cri/cri-parts.ts';
import { bindCriSocket } from '../../internal/cri/listener.ts';
import { startCriServer } from '../../internal/cri/server.ts';
import { isAbortError } from '../../internal/errors/errno.ts';
import { listDirectory } from '../../internal/fs/directories.ts';
import type { Logger } from '../../internal/log/logger.ts';
import type { Metrics } from '../../internal/metrics/metrics.ts';
import { type MetricsServer, startMetricsServer } from '../../internal/metrics/metrics-server.ts';
import { Spawner } from '../../internal/monitor/spawner.ts';
import { knowsSandbox, restoreSandboxes } from '../../internal/sandbox/restore-sandboxes.ts';
import { Closing } from './closing.ts';
import { lockDirectory } from './directory-lock.ts';
import { prepareDirectories } from './prepare-directories.ts';
import type { Follower } from './reload.ts';
import { markRunning, markStopped, readMarks } from './run-marks.ts';
import { versionInfo } from './version.ts';
import { type Daemon, keepSocketOf, wireDaemon } from './wire.ts';

/**
 * Runs until SIGTERM or SIGINT; resolves with the exit code. Containers go on under their monitors. What follows a reload
 * of the configuration is added to `followers`.
 */
export async function runDaemon(
  loaded: LoadedConfig,
  logger: Logger,
  followers: Follower[],
): Promise<number> {
  const { config } = loaded;
  const stop = new AbortController();
  const stopSignal = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  const closing = new Closing(logger);
  const stopped = stopSignal.then(() => {
    stop.abort();
    closing.limit();
  });
  process.umask(0o022);
  await prepareDirectories(config);
  let isOrderly = false;
  try {
    const daemon = await start(config, logger, closing, stop.signal);
    followers.push(daemon.follow);
    logger.info({ listen: config.api.listen, version: versionInfo().version }, 'cria is serving');
    await stopped;
    logger.info({}, 'cria is stopping; containers go on');
  } catch (cause) {
    if (!stop.signal.aborted || !isAbortError(cause)) throw cause;
    logger.info({}, 'cria was told to stop before it could begin');
  } finally {
    isOrderly = await closing.end();
  }
  return isOrderly ? 0 : 1;
}

/**
 * Starts part after part; what each needs at the end is added to `closing`, also when a later one fails. The signal ends
 * the wait for another daemon's commands; all else takes seconds, and is ended in order when it is there.
 */
async function start(config: Config, logger: Logger, closing: Closing, signal: AbortSignal): Promise<Daemon> {
  const lock = await lockDirectory(config.cria.run_dir, logger, signal);
  closing.add('the lock of the run directory', () => lock.release());
  const socket = await bindCriSocket(config.api.listen, logger);
  closing.add('the socket', () => socket.close());
  // Now, while the process is small: its fork is what the spawner saves later ones from.
  const spawner = new Spawner({
    monitorPath: config.cria.monitor_path,
    logger,
    lockFd: lock.fd,
    keepSocket: keepSocketOf(config),
  });
  closing.add('the spawner', () => spawner.close());
  spawner.start();
  const lastRun = await readMarks(config);
  const daemon = await wireDaemon(config, spawner, logger);
  // After the store has noted what is to be checked after a power loss: from here on the marks do not tell of it.
  await markRunning(config);
  closing.add('the parts', async (at) => {
    await daemon.close(at);
    at('writing to disk what was stored');
    await markStopped(config);
  });
  const metrics = await serveMetrics(config, daemon.metrics, logger);
  if (metrics !== undefined) closing.add('the metrics', () => metrics.close());
  closing.add('the streams', () => daemon.cri.streams.close());
  logger.info({ address: await daemon.cri.streams.listen() }, 'streams are served');
  await restore(daemon.cri);
  daemon.maintain();
  if (lastRun.isBeforeBoot && config.crio.internal_wipe) await removeLostContainers(daemon.cri);
  const server = startCriServer(daemon.cri, socket, {
    maxSendBytes: config.api.grpc_max_send_msg_size,
    maxReceiveBytes: config.api.grpc_max_recv_msg_size,
  });
  closing.add('the calls', async () => {
    if (!(await server.stop())) closing.abandon(); // the rest must not be taken from under them
  });
  return daemon;
}

/** Starts the metrics server that the configuration asks for. */
async function serveMetrics(
  { metrics: settings, api }: Config,
  metrics: Metrics,
  logger: Logger,
): Promise<MetricsServer | undefined> {
  if (!settings.enable_metrics) return undefined;
  const isTls = settings.metrics_cert !== '' && settings.metrics_key !== '';
  const identity = isTls
    ? {
        certFile: settings.metrics_cert,
        keyFile: settings.metrics_key,
        minVersion: api.tls_min_version,
        cipherSuites: api.tls_cipher_suites,
      }
    : undefined;
  const server = await startMetricsServer(
    metrics,
    { host: settings.metrics_host, port: settings.metrics_port, socket: settings.metrics_socket, identity },
    logger,
  );
  logger.info({ address: server.address }, 'metrics are served');
  return server;
}

/** Brings back what earlier daemons made: sandboxes first, because a container without its sandbox is removed. */
export async function restore({ sandboxes, containers }: CriParts): Promise<void> {
  await restoreSandboxes(sandboxes);
  await restoreContainers(containers, (sandboxId) => knowsSandbox(sandboxes, sandboxId));
}

/**
 * After a boot nothing runs, so a container in the store that no record of the daemon knows is what a crash left. Pods and
 * containers with a record stay, ended, for the kubelet to ask about and to remove; images always stay.
 */
async function removeLostContainers({ containers }: CriParts): Promise<void> {
  const recorded = new Set(await listDirectory(containers.directories.data)); // those of another version too
  for (const id of await containers.layers.listOwn()) {
    if (recorded.has(id) || containers.containers.find(id) !== undefined) continue;
    containers.logger.warn({ containerId: id }, 'removing what is left of a container without a record');
    await containers.layers.remove(id);
  }
}
