// Images that are stored at the same moment often share their base: each layer is fetched and unpacked by one of them.

import { digestOf } from '../registry/digest.ts';
import type { Digest } from '../registry/registry.ts';

export interface Claim {
  /** The chain ids that nobody else had claimed. */
  readonly mine: ReadonlySet<Digest>;
  /** Resolves when those who had claimed the others have released them; undefined when nobody had. */
  readonly others: Promise<unknown> | undefined;
  /** Gives the claimed ones back, stored or not. */
  release(): void;
}

/**
 * Who works on which layer. A holder waits only for claims that are older than its own and takes all of its own at
 * once, so that no two wait for each other.
 */
export class LayerClaims {
  readonly #claimed = new Map<Digest, Promise<void>>();

  claim(chainIds: readonly Digest[]): Claim {
    const mine = new Set(chainIds.filter((chainId) => !this.#claimed.has(chainId)));
    const others = chainIds.flatMap((chainId) => this.#claimed.get(chainId) ?? []);
    let resolve = (): void => {};
    const released = new Promise<void>((settle) => {
      resolve = settle;
    });
    for (const chainId of mine) this.#claimed.set(chainId, released);
    const release = (): void => {
      for (const chainId of mine) this.#claimed.delete(chainId);
      resolve();
    };
    return { mine, others: others.length === 0 ? undefined : Promise.all(others), release };
  }
}

/** The OCI ChainID of each layer: its name together with everything below it. */
export function chainIdsOf(diffIds: readonly Digest[]): Digest[] {
  const chainIds: Digest[] = [];
  for (const diffId of diffIds) {
    const parent = chainIds.at(-1);
    chainIds.push(parent === undefined ? diffId : digestOf(Buffer.from(`${parent} ${diffId}`)));
  }
  return chainIds;
}
