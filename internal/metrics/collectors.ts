// Makes Prometheus collectors under CRI-O's names, so that dashboards and alerts of a CRI-O node go on working.

import { Counter, Gauge, Histogram, type Registry, Summary } from 'prom-client';

/** Before every name that CRI-O has too. */
const crioPrefix = 'container_runtime_crio_';

interface Named<Label extends string> {
  /** Without the prefix, as in the option `metrics_collectors`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly Label[];
}

/**
 * Makes CRI-O's collectors. One that is not enabled works like any other and is served to nobody, so that those who count
 * need not ask.
 */
export class Collectors {
  readonly #registry: Registry;
  readonly #enabled: ReadonlySet<string>;

  /** `enabled` are names with or without the prefixes `crio_` and `container_runtime_crio_`; unknown ones mean nothing. */
  constructor(registry: Registry, enabled: readonly string[]) {
    this.#registry = registry;
    this.#enabled = new Set(enabled.map((name) => name.replace(/^(container_runtime_)?(crio_)?/, '')));
  }

  isEnabled(name: string): boolean {
    return this.#enabled.has(name);
  }

  counter<Label extends string = never>(named: Named<Label>): Counter<Label> {
    return new Counter(this.#settings(named));
  }

  gauge<Label extends string = never>(named: Named<Label> & { collect?: () => number | Promise<number> }) {
    const { collect } = named;
    const gauge: Gauge<Label> = new Gauge({
      ...this.#settings(named),
      ...(collect && {
        async collect() {
          gauge.set(await collect());
        },
      }),
    });
    return gauge;
  }

  histogram<Label extends string = never>(named: Named<Label>, buckets: number[]): Histogram<Label> {
    return new Histogram({ ...this.#settings(named), buckets });
  }

  /** Quantiles over the last ten minutes, the window of the Go client. */
  summary<Label extends string = never>(named: Named<Label>): Summary<Label> {
    const window = { percentiles: [0.5, 0.9, 0.99], maxAgeSeconds: 600, ageBuckets: 5 };
    return new Summary({ ...this.#settings(named), ...window });
  }

  #settings<Label extends string>({ name, help, labels = [] }: Named<Label>) {
    return {
      name: crioPrefix + name,
      help,
      labelNames: [...labels],
      registers: this.isEnabled(name) ? [this.#registry] : [],
    };
  }
}
