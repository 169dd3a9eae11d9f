// Makes the n-th forward step of an operation fail, in real parts.

import type { CriParts } from '../../internal/cri/cri-parts.ts';
import type { RuntimeHandler, RuntimeHandlers } from '../../internal/oci/oci-runtime.ts';

/** How a step fails: the call is not made, or it is made and its success is lost. */
export type FaultKind = 'not done' | 'done, then failed';

/** The calls that make something; the others undo, read or serve. */
const steps: Readonly<Record<string, readonly string[]>> = {
  namespaces: ['pin'],
  network: ['attach'],
  images: ['config', 'admit'],
  places: ['make'],
  selinux: ['podLabels', 'containerLabels', 'relabel'],
  cdi: ['resolve'],
  hooks: ['read'],
  layers: ['create', 'mount'],
  monitors: ['create'],
  runtime: ['start', 'update'],
};

export class FaultPlan {
  /** Steps that were reached since the last `arm`, by name. */
  readonly reached: string[] = [];
  /** Calls of an undo, such as `network.detach`, that fail until it is empty again. */
  readonly brokenUndo = new Set<string>();
  #failAt: number | string = -1;
  #kind: FaultKind = 'not done';

  /** Lets the step with this index fail once, or each of this name; -1 lets all pass. */
  arm(failAt: number | string, kind: FaultKind): void {
    this.reached.length = 0;
    this.#failAt = failAt;
    this.#kind = kind;
  }

  /** The same parts, with their steps under this plan. */
  over(parts: CriParts): CriParts {
    const { runtimes } = parts.containers;
    const watched: RuntimeHandlers = {
      defaultName: runtimes.defaultName,
      list: () => runtimes.list(),
      get: (name, platform) => this.#watchHandler(runtimes.get(name, platform)),
      of: (name, recorded) => this.#watchHandler(runtimes.of(name, recorded)),
    };
    const containers = {
      ...parts.containers,
      images: this.#watch('images', parts.containers.images),
      layers: this.#watch('layers', parts.containers.layers),
      monitorPlaces: this.#watch('places', parts.containers.monitorPlaces),
      selinux: this.#watch('selinux', parts.containers.selinux),
      cdi: this.#watch('cdi', parts.containers.cdi),
      hooks: this.#watch('hooks', parts.containers.hooks),
      monitors: this.#watch('monitors', parts.containers.monitors),
      runtimes: watched,
    };
    const sandboxes = {
      ...parts.sandboxes,
      containers,
      namespaces: this.#watch('namespaces', parts.sandboxes.namespaces),
      network: this.#watch('network', parts.sandboxes.network),
    };
    return { ...parts, containers, sandboxes };
  }

  #watchHandler(handler: RuntimeHandler): RuntimeHandler {
    return { ...handler, runtime: this.#watch('runtime', handler.runtime) };
  }

  #watch<T extends object>(part: string, target: T): T {
    return new Proxy(target, {
      get: (object, key) => {
        const value: unknown = Reflect.get(object, key);
        if (typeof value !== 'function') return value;
        const method = value.bind(object) as (...args: unknown[]) => unknown;
        const name = `${part}.${String(key)}`;
        return steps[part]?.includes(String(key)) ? this.#step(name, method) : this.#undo(name, method);
      },
    });
  }

  #undo(name: string, method: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
    return (...args) => {
      if (this.brokenUndo.has(name)) return Promise.reject(new Error(`planned failure of ${name}`));
      return method(...args);
    };
  }

  #step(name: string, method: (...args: unknown[]) => unknown): (...args: unknown[]) => Promise<unknown> {
    return async (...args) => {
      const index = this.reached.push(name) - 1;
      const fails = this.#failAt === index || this.#failAt === name;
      if (fails && this.#kind === 'not done') throw new Error(`planned failure of ${name}`);
      const result = await method(...args);
      if (fails) throw new Error(`planned failure after ${name}`);
      return result;
    };
  }
}
