import type { UnpackLimits } from '../storage/store.ts';

const gibibyte = 1024 ** 3;

/** What one layer may cost the node. Each bound is far above real images and far below what stops a node. */
export const defaultUnpackLimits: UnpackLimits = {
  /** The largest layers in use (machine-learning models) have tens of GiB. */
  maxUnpackedBytes: 256 * gibibyte,
  /** gzip ends at 1032:1, which a layer with a preallocated file may reach; zstd can do a hundred times more. */
  maxRatio: 1100,
  /** A whole distribution has some hundred thousand files; each entry costs an inode and about 0.1 ms. */
  maxEntries: 4_000_000,
  /** The kubelet's eviction and the containers' logs need room when a pull would fill the disk. */
  minFreeBytes: gibibyte / 2,
};
