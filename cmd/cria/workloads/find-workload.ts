// The one pod or container that a person means.

import { DaemonError } from '../../../internal/errors/daemon-error.ts';
import type { Container, Pod } from './workload.ts';

/** How a pod or container may be called. */
interface Candidate<T> {
  readonly item: T;
  readonly id: string;
  /** From the whole name to the short one. */
  readonly names: readonly string[];
  readonly isAlive: boolean;
}

/** By id, `NAMESPACE/NAME` or name, or an unambiguous beginning of one. Throws `not-found` or `invalid-argument`. */
export function findPod(pods: readonly Pod[], wanted: string): Pod {
  const candidates = pods.map((pod) => ({
    item: pod,
    id: pod.id,
    names: [`${pod.namespace}/${pod.name}`, pod.name],
    isAlive: pod.state === 'ready',
  }));
  return findOne('pod', candidates, wanted);
}

/** By id, `[[NAMESPACE/]POD/]NAME`, or an unambiguous beginning of one. Throws `not-found` or `invalid-argument`. */
export function findContainer(containers: readonly Container[], wanted: string): Container {
  const candidates = containers.map((container) => {
    const { id, name, podName, podNamespace, state } = container;
    const names = [`${podNamespace}/${podName}/${name}`, `${podName}/${name}`, name];
    return { item: container, id, names, isAlive: state === 'running' };
  });
  return findOne('container', candidates, wanted);
}

/**
 * The whole id or name counts more than a beginning. Among several by name, those that live count; of attempts of the same thing
 * the newest, which comes first in the list. The beginning of an id means one alone: who copies an id means that one.
 */
function findOne<T>(kind: string, candidates: readonly Candidate<T>[], wanted: string): T {
  const tests: ((candidate: Candidate<T>) => boolean)[] = [
    ({ id }) => id === wanted,
    ({ names }) => names.includes(wanted),
    ({ id, names }) => id.startsWith(wanted) || names.some((name) => name.startsWith(wanted)),
  ];
  const isById = ({ id, names }: Candidate<T>): boolean => id.startsWith(wanted) && !names.includes(wanted);
  for (const test of wanted === '' ? [] : tests) {
    const matching = candidates.filter(test);
    const isNamed = !matching.some(isById);
    const living = matching.filter(({ isAlive }) => isAlive);
    const counting = isNamed && living.length > 0 ? living : matching;
    const [first] = counting;
    if (first === undefined) continue;
    const isOne =
      counting.length === 1 || (isNamed && counting.every(({ names }) => names[0] === first.names[0]));
    if (isOne) return first.item;
    throw new DaemonError('invalid-argument', ambiguity(kind, wanted, counting));
  }
  const command = kind === 'pod' ? 'cria pods' : 'cria ps --all';
  throw new DaemonError('not-found', `there is no ${kind} "${wanted}"; "${command}" lists them`);
}

const shownCandidates = 8;

function ambiguity<T>(kind: string, wanted: string, candidates: readonly Candidate<T>[]): string {
  const shown = candidates.slice(0, shownCandidates).map(({ id, names }) => `${id.slice(0, 13)} ${names[0]}`);
  const more = candidates.length > shown.length ? ', …' : '';
  return `"${wanted}" may be any of ${candidates.length} ${kind}s: ${shown.join(', ')}${more}`;
}
