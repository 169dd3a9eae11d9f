// The image store that a configuration describes.

import type { Config } from '../../internal/config/options.ts';
import { storageOptions } from '../../internal/config/storage-options.ts';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import type { Logger } from '../../internal/log/logger.ts';
import { parseMountOptions } from '../../internal/storage/mount-options.ts';
import { openStore, type Store, type StoreOptions } from '../../internal/storage/open-store.ts';
import { readMarks } from './run-marks.ts';

type Use = Pick<StoreOptions, 'isDaemon' | 'cleans'>;

/** Opens it. An option of the driver that cannot be honoured is told, or refused if containers would not be what it asks for. */
export async function openConfiguredStore(config: Config, logger: Logger, use: Use): Promise<Store> {
  const { crio } = config;
  const options = storageOptions(crio.storage_option);
  for (const { key, reason } of options.warnings) logger.warn({ key: `storage_option "${key}"` }, reason);
  const mount = parseMountOptions(options.mountOptions);
  for (const [word, reason] of mount.unused)
    logger.warn({ key: 'overlay.mountopt', word }, `ignored: ${reason}`);
  const layout = {
    graphRoot: crio.root,
    runRoot: crio.runroot,
    imageStore: crio.imagestore || undefined,
    additionalStores: options.additionalStores,
    transient: options.transient,
    mountOptions: mount.options,
    repairs: crio.internal_repair,
    lostPower: (await readMarks(config)).lostPower,
  };
  return openStore({ ...layout, ...use, logger }).catch((cause: unknown) => {
    if (cause instanceof DaemonError) throw cause;
    throw new DaemonError('failed-precondition', `image store ${crio.root} cannot be opened`, cause);
  });
}
