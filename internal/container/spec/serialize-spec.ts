/**
 * JSON of a spec, in which a bigint is written as the exact number it is. JSON.stringify refuses bigints, and a
 * rounded RLIM_INFINITY does not fit the runtimes' 64 bits any more.
 */
export function serializeSpec(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map((item) => serializeSpec(item ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${serializeSpec(field)}`).join(',')}}`;
}
