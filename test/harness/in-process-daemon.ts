// The daemon's real parts in the test's own process, served on a socket, so that a test can reach into them.

import { restore } from '../../cmd/cria/daemon.ts';
import { prepareDirectories } from '../../cmd/cria/prepare-directories.ts';
import { type Daemon, keepSocketOf, wireDaemon } from '../../cmd/cria/wire.ts';
import { loadConfig, usualConfigInputs } from '../../internal/config/load-config.ts';
import { validateConfig } from '../../internal/config/validate-config.ts';
import type { CriParts } from '../../internal/cri/cri-parts.ts';
import { bindCriSocket } from '../../internal/cri/listener.ts';
import { type CriServer, startCriServer } from '../../internal/cri/server.ts';
import { silentLogger } from '../../internal/log/logger.ts';
import { Spawner } from '../../internal/monitor/spawner.ts';
import { type CriClient, connect } from './cri-client.ts';

export interface InProcessDaemon {
  readonly client: CriClient;
  stop(): Promise<void>;
}

/** Starts with a configuration file; `change` may put its own parts in the place of the real ones. */
export async function startInProcess(
  configFile: string,
  change: (parts: CriParts) => CriParts,
): Promise<InProcessDaemon> {
  const inputs = {
    ...usualConfigInputs,
    configFile,
    configFileRequired: true,
    configDir: '',
    storageConf: { files: [], driver: undefined, options: undefined },
  };
  const { config } = await validateConfig(await loadConfig(inputs), process.env['PATH'] ?? '');
  await prepareDirectories(config);
  const spawner = new Spawner({
    monitorPath: config.cria.monitor_path,
    logger: silentLogger,
    keepSocket: keepSocketOf(config),
  });
  const daemon: Daemon = await wireDaemon(config, spawner, silentLogger);
  const socket = await bindCriSocket(config.api.listen, silentLogger);
  const parts = change(daemon.cri);
  await restore(parts);
  const sizes = {
    maxSendBytes: config.api.grpc_max_send_msg_size,
    maxReceiveBytes: config.api.grpc_max_recv_msg_size,
  };
  const server: CriServer = startCriServer(parts, socket, sizes);
  const client = connect(config.api.listen);
  return {
    client,
    async stop() {
      client.close();
      await server.stop();
      await daemon.close(() => {});
      await spawner.close();
    },
  };
}
