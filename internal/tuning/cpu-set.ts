// Sets of CPUs in the kernel's two forms: lists (`0-3,8`) and masks (`f,ffffffff`). A set is a number whose bit N stands for CPU N.

export type CpuSet = bigint;

export const noCpus: CpuSet = 0n;

/** The most that a kernel is built for (NR_CPUS of x86 with MAXSMP); what names more is no list. */
const mostCpus = 8192;

/** The set that a list says; undefined for what is no list. An empty text is the empty set. */
export function parseCpuList(text: string): CpuSet | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return noCpus;
  let set = noCpus;
  for (const range of trimmed.split(',')) {
    const [, from = '', to = from] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (from === '' || last < first || last >= mostCpus) return undefined;
    set |= ((1n << BigInt(last - first + 1)) - 1n) << BigInt(first);
  }
  return set;
}

/** The numbers in a set, in order. */
export function cpusIn(set: CpuSet): number[] {
  const digits = set.toString(2);
  return [...digits].flatMap((bit, at) => (bit === '1' ? digits.length - 1 - at : [])).reverse();
}

/** The shortest list that says the set. */
export function formatCpuList(set: CpuSet): string {
  const ranges: { first: number; last: number }[] = [];
  for (const cpu of cpusIn(set)) {
    const range = ranges.at(-1);
    if (range !== undefined && range.last === cpu - 1) range.last = cpu;
    else ranges.push({ first: cpu, last: cpu });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

/** The set that a mask says, with or without its commas; undefined for what is no mask. */
export function parseCpuMask(text: string): CpuSet | undefined {
  const digits = text.trim().replaceAll(',', '');
  return /^[0-9a-f]{1,2048}$/i.test(digits) ? BigInt(`0x${digits}`) : undefined;
}

/** A mask of at least `digits` digits, in groups of eight: the kernel refuses one that is much wider than its own. */
export function formatCpuMask(set: CpuSet, digits: number): string {
  const text = set.toString(16).padStart(digits, '0');
  const head = text.length % 8;
  const groups = text.slice(head).match(/.{8}/g) ?? [];
  return [...(head === 0 ? [] : [text.slice(0, head)]), ...groups].join(',');
}

/** How many digits a mask has, its commas apart. */
export function maskDigits(text: string): number {
  return text.trim().replaceAll(',', '').length;
}
