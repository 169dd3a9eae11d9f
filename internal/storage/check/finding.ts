// What a check of the store finds.

/**
 * What repairs it. `mend`: what is wrong can be made right from what is there. `remove`: the object is useless and goes,
 * with what stands on it. `none`: it is told, and left as it is.
 */
export type Cure = 'mend' | 'remove' | 'none';

export interface Finding {
  readonly object: 'layer' | 'image' | 'container';
  readonly id: string;
  /** What is wrong, in words that stand after `layer "…"`. */
  readonly reason: string;
  readonly cure: Cure;
  /** It is in an additional store, which is only read. */
  readonly readOnly: boolean;
}

export interface Inspection {
  readonly findings: readonly Finding[];
  readonly layers: number;
  readonly images: number;
  readonly containers: number;
}
