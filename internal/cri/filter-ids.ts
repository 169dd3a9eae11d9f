import type { NamedRecord, RecordStore } from '../records/record-store.ts';

/** The whole id that a filter's id or unique prefix means; the text itself, which matches nothing, when it means none. */
export function wholeId<T extends NamedRecord>(records: RecordStore<T>, idOrPrefix: string): string {
  if (idOrPrefix === '') return '';
  return records.find(idOrPrefix)?.id ?? idOrPrefix;
}
