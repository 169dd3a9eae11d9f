// What this program is.

import { readFileSync } from 'node:fs';

export interface VersionInfo {
  readonly version: string;
  readonly nodeVersion: string;
  /** In the form of image platforms: `linux/amd64`. */
  readonly platform: string;
  /** Names and versions of the packages that the daemon is made with. */
  readonly dependencies: readonly string[];
}

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** Version and build facts, from the package file beside `dist`. */
export function versionInfo(): VersionInfo {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const { version, dependencies } = JSON.parse(text) as {
    version: string;
    dependencies: Record<string, string>;
  };
  return {
    version,
    nodeVersion: process.version,
    platform: `${process.platform}/${architectures[process.arch] ?? process.arch}`,
    dependencies: Object.entries(dependencies).map(([name, wanted]) => `${name} ${wanted}`),
  };
}
