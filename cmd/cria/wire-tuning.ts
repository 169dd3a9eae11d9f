// The settings of the node that containers may ask for.

import { join } from 'node:path';
import type { Config } from '../../internal/config/options.ts';
import type { Logger } from '../../internal/log/logger.ts';
import type { CommandRunner } from '../../internal/process/command-runner.ts';
import { openKernelTuning } from '../../internal/tuning/kernel-tuning.ts';
import type { NodeTuning } from '../../internal/tuning/tuning.ts';

/** With the directories that a service's PATH may lack. */
const systemPath = '/usr/sbin:/usr/bin:/sbin:/bin';

export function wireTuning(
  { cria, runtime }: Config,
  runner: CommandRunner,
  logger: Logger,
): Promise<NodeTuning> {
  return openKernelTuning({
    stateFile: join(cria.data_dir, 'tuning.json'),
    irqbalanceConfig: runtime.irqbalance_config_file,
    irqbalanceRestoreFile: runtime.irqbalance_config_restore_file,
    runner,
    logger,
    searchPath: [process.env['PATH'] ?? '', systemPath].filter((path) => path !== '').join(':'),
  });
}
