// Ports of the host in a daemon's pod network, as Kubernetes asks for them.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Adds the portmap plugin to the network of the daemon below `root`; one that has it stays as it is. */
export function addPortMappings(root: string): void {
  const file = join(root, 'cni/10-pods.conflist');
  const list = JSON.parse(readFileSync(file, 'utf8')) as { plugins: object[] };
  if (list.plugins.some((plugin) => 'type' in plugin && plugin.type === 'portmap')) return;
  const plugins = [...list.plugins, { type: 'portmap', capabilities: { portMappings: true } }];
  writeFileSync(file, JSON.stringify({ ...list, plugins }));
}
