// The file with irqbalance's environment, as text: which CPUs it must leave alone (irqbalance(1), "Environment variables").

import { type CpuSet, formatCpuList, formatCpuMask, parseCpuList, parseCpuMask } from './cpu-set.ts';

/** Deprecated since irqbalance 1.9, which says «discarded», but looks at it first. */
export const bannedMask = 'IRQBALANCE_BANNED_CPUS';
export const bannedList = 'IRQBALANCE_BANNED_CPULIST';

export interface BannedLine {
  readonly name: string;
  readonly line: string;
  readonly value: string;
}

/** The line that counts; undefined where there is none. One with an empty value bans nothing and hides no other. */
export function findBanned(text: string): BannedLine | undefined {
  const found = [bannedMask, bannedList].flatMap((name) => findLine(text, name) ?? []);
  return found.find(({ value }) => value !== '') ?? found[0];
}

/** A later line of the same name wins, as in systemd and in a shell. */
export function findLine(text: string, name: string): BannedLine | undefined {
  const line = text.split('\n').findLast((candidate) => candidate.startsWith(`${name}=`));
  if (line === undefined) return undefined;
  const value = line.slice(name.length + 1).trim();
  return { name, line, value: /^(["']).*\1$/.test(value) ? value.slice(1, -1) : value };
}

/** The text with this line in the place of those of the name; undefined removes them. */
export function withLine(text: string, name: string, line: string | undefined): string {
  const lines = text.split('\n');
  const at = lines.findIndex((candidate) => candidate.startsWith(`${name}=`));
  const others = lines.filter((candidate) => !candidate.startsWith(`${name}=`));
  if (line === undefined) return others.join('\n');
  const isAtEnd = at < 0;
  const end = others.at(-1) === '' ? others.length - 1 : others.length;
  others.splice(isAtEnd ? end : at, 0, line);
  const joined = others.join('\n');
  return joined.endsWith('\n') ? joined : `${joined}\n`;
}

/** What a variable's value bans; undefined when it cannot be read. */
export function parseBanned(name: string, value: string): CpuSet | undefined {
  if (value === '') return 0n;
  return name === bannedList ? parseCpuList(value) : parseCpuMask(value);
}

/** A value in the form of its variable. */
export function formatBanned(name: string, cpus: CpuSet): string {
  return name === bannedList ? formatCpuList(cpus) : formatCpuMask(cpus, 8);
}
