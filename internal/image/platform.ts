// Which entry of a multi-platform list this node runs. Pure.

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

/** OCI's names for Node's `process.arch`. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', mipsel: 'mipsle' };

/** Variants that each variant can run, best first; as in containers/image and containerd's platforms package. */
const runnableVariants: Readonly<Record<string, readonly string[]>> = {
  'arm/v8': ['v8', 'v7', 'v6', 'v5'],
  'arm/v7': ['v7', 'v6', 'v5'],
  'arm/v6': ['v6', 'v5'],
  'arm/v5': ['v5'],
};

/** Variants that an entry has when it names none. */
const defaultVariants: Readonly<Record<string, string>> = { arm: 'v7', arm64: 'v8', amd64: 'v1' };

/** The platform of this process. Node knows the 32-bit ARM version that it was built for. */
export function hostPlatform(): Platform {
  const architecture = architectures[process.arch] ?? process.arch;
  const armVersion = process.config.variables as { arm_version?: string };
  const variant =
    architecture === 'arm' ? `v${armVersion.arm_version ?? '7'}` : (defaultVariants[architecture] ?? '');
  return { os: 'linux', architecture, variant };
}

/**
 * The entry to run on `host`: same os and architecture, the best variant, and of equals the first. Entries without a
 * platform, and attestations (`unknown/unknown`), are never chosen.
 */
export function choosePlatform<T extends { readonly platform: Platform | undefined }>(
  entries: readonly T[],
  host: Platform,
): T | undefined {
  const { architecture } = host;
  const variants = runnableVariants[`${architecture}/${host.variant}`] ?? [host.variant];
  const ranks = new Map(variants.map((variant, rank) => [variant, rank]));
  let best: T | undefined;
  let bestRank = Number.POSITIVE_INFINITY;
  for (const entry of entries) {
    const { platform } = entry;
    if (platform === undefined || platform.os !== host.os || platform.architecture !== architecture) continue;
    const variant = platform.variant === '' ? (defaultVariants[architecture] ?? '') : platform.variant;
    const rank = ranks.get(variant);
    if (rank === undefined || rank >= bestRank) continue;
    best = entry;
    bestRank = rank;
  }
  return best;
}
