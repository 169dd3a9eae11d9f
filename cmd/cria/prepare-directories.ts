// The directories that the daemon works in.

import type { Config } from '../../internal/config/options.ts';
import { ensureDirectory } from '../../internal/fs/directories.ts';

/** Makes what is missing, private to root; ARCHITECTURE.md, "State on disk", says what is in them. */
export async function prepareDirectories({ cria, runtime }: Config): Promise<void> {
  const data = ['', 'sandboxes', 'containers', 'network', 'exits'].map((name) => `${cria.data_dir}/${name}`);
  const run = ['', 'sandboxes', 'containers', 'm', 'mounts'].map((name) => `${cria.run_dir}/${name}`);
  for (const path of [...data, ...run]) await ensureDirectory(path, 0o700);
  await ensureDirectory(runtime.container_exits_dir, 0o755); // for node scripts that watch it
  // Where `ip netns` looks, when namespaces_dir is /var/run.
  for (const name of ['netns', 'ipcns', 'utsns', 'userns'])
    await ensureDirectory(`${runtime.namespaces_dir}/${name}`, 0o755);
}
