// The directories that the daemon works in.

import type { Config } from '../../internal/config/options.ts';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import { ensureDirectory } from '../../internal/fs/directories.ts';

/** Makes what is missing, private to root; ARCHITECTURE.md, "State on disk", says what is in them. */
export async function prepareDirectories({ cria, runtime }: Config): Promise<void> {
  const data = ['', 'sandboxes', 'containers', 'network', 'exits'].map((name) => `${cria.data_dir}/${name}`);
  const run = ['', 'sandboxes', 'containers', 'm', 'mounts'].map((name) => `${cria.run_dir}/${name}`);
  for (const path of data) await make(path, 0o700, 'data_dir in [cria]');
  for (const path of run) await make(path, 0o700, 'run_dir in [cria]');
  // For node scripts that watch it.
  await make(runtime.container_exits_dir, 0o755, 'container_exits_dir in [crio.runtime]');
  // Where `ip netns` looks, when namespaces_dir is /var/run.
  for (const name of ['netns', 'ipcns', 'utsns', 'userns'])
    await make(`${runtime.namespaces_dir}/${name}`, 0o755, 'namespaces_dir in [crio.runtime]');
}

async function make(path: string, mode: number, option: string): Promise<void> {
  try {
    await ensureDirectory(path, mode);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DaemonError('internal', `cannot make the directory "${path}" (${option}): ${reason}`, cause);
  }
}
