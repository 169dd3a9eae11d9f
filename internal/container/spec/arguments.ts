import { DaemonError } from '../../errors/daemon-error.ts';
import type { ImageConfig } from '../../image/images.ts';
import type { ContainerConfig } from '../container-config.ts';

/**
 * The argument vector by Kubernetes' rules: a `command` replaces the image's entrypoint and drops its cmd; `args`
 * alone replace the cmd. An empty result is an error that names the image.
 */
export function processArguments(
  config: Pick<ContainerConfig, 'command' | 'args'>,
  image: Pick<ImageConfig, 'entrypoint' | 'cmd'>,
  imageName: string,
): readonly string[] {
  const args =
    config.command.length > 0
      ? [...config.command, ...config.args]
      : [...image.entrypoint, ...(config.args.length > 0 ? config.args : image.cmd)];
  if (args.length === 0 || args[0] === '') {
    throw new DaemonError(
      'invalid-argument',
      `no command specified: image "${imageName}" has no entrypoint and no cmd, and the container names none`,
    );
  }
  // A NUL would end the argument early in execve(2): what runs would not be what was asked for.
  if (args.some((arg) => arg.includes('\0'))) {
    throw new DaemonError('invalid-argument', 'the command holds an argument with a NUL character');
  }
  return args;
}
