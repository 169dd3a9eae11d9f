import type { Container } from '../container/container.ts';
import type { NamedRecord, RecordStore } from '../records/record-store.ts';
import { type ContainerFilter, containerFilter } from './convert/filters.ts';
import type { CriParts } from './cri-parts.ts';

/** The whole id that a filter's id or unique prefix means; the text itself, which matches nothing, when it means none. */
export function wholeId<T extends NamedRecord>(records: RecordStore<T>, idOrPrefix: string): string {
  if (idOrPrefix === '') return '';
  return records.find(idOrPrefix)?.id ?? idOrPrefix;
}

/** The filter of a list of containers, its ids whole. */
export function wholeContainerFilter(
  parts: CriParts,
  message: Parameters<typeof containerFilter>[0],
): ContainerFilter {
  const filter = containerFilter(message);
  return {
    ...filter,
    id: wholeId(parts.containers.containers, filter.id),
    sandboxId: wholeId(parts.sandboxes.sandboxes, filter.sandboxId),
  };
}

/** The containers among which those are that a whole filter matches; not all of the node where it names one or a sandbox. */
export function candidatesFor(
  { containers: { containers } }: CriParts,
  filter: ContainerFilter,
): Container[] {
  const { id, sandboxId } = filter;
  if (id !== '') return [containers.find(id)].filter((container) => container !== undefined);
  return sandboxId === '' ? containers.list() : containers.ofSandbox(sandboxId);
}
