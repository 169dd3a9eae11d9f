// The monitor as it was first released, for what must work across versions.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../../scripts/build-old-monitor.mjs', import.meta.url));

/** Its path, or why there is none: a shallow clone lacks the commit. */
export function oldMonitor(): { readonly path: string } | { readonly missing: string } {
  const built = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  if (built.status === 0) return { path: built.stdout.trim() };
  return { missing: `needs the monitor of an earlier commit: ${built.stderr.trim().split('\n').at(-1)}` };
}
