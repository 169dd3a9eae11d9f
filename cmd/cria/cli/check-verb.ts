// `cria check`: the flags of `crio check`, and how its report looks.

import type { Finding, Inspection } from '../../../internal/storage/check/finding.ts';
import type { RepairResult } from '../../../internal/storage/check/repair.ts';
import { parseDuration } from './duration.ts';
import { jsonFlag } from './flags.ts';
import type { CommandLine } from './parse-arguments.ts';
import { UsageError } from './usage-error.ts';
import type { Verb } from './verbs.ts';

export const checkVerb: Verb = {
  name: 'check',
  operands: '',
  count: [0, 0],
  summary:
    'Check the image store: records, links, documents, and that every layer still makes the tar of its digest. Nothing is changed without --repair; the daemon may run.',
  flags: [
    {
      name: 'age',
      aliases: ['a'],
      placeholder: 'DURATION',
      doc: 'Age from which a layer that nothing uses is told; 24h by default.',
    },
    { name: 'quick', aliases: ['q'], placeholder: '', doc: 'Do not read the content of files.' },
    { name: 'full', aliases: [], placeholder: '', doc: 'Read the content of all files; the default.' },
    {
      name: 'repair',
      aliases: ['r'],
      placeholder: '',
      doc: 'Mend what can be mended and remove what cannot, with what stands on it. Never a good image.',
    },
    { name: 'force', aliases: ['f'], placeholder: '', doc: 'With --repair: remove damaged containers too.' },
    {
      name: 'wipe',
      aliases: ['w'],
      placeholder: '',
      doc: 'Accepted for scripts of CRI-O; nothing is ever wiped.',
    },
    jsonFlag,
  ],
  examples: ['cria check', 'cria check --quick --json', 'cria check --repair --force'],
  exitCodes: {
    0: 'there is no damage, or all of it was repaired',
    1: 'there is damage that was not repaired, or standard error says why it failed',
    2: 'the command line is wrong',
    130: 'interrupted by SIGINT; a repair that had begun was finished',
    143: 'the same by SIGTERM',
  },
};

export interface CheckCommand {
  readonly contents: boolean;
  readonly repairs: boolean;
  readonly force: boolean;
  readonly json: boolean;
  readonly unreferencedAgeMs: number;
}

export function checkCommand({ flags }: CommandLine): CheckCommand {
  const has = (name: string): boolean => flags.some((flag) => flag.name === name);
  if (has('quick') && has('full')) throw new UsageError('--quick and --full exclude each other');
  if (has('force') && !has('repair')) throw new UsageError('--force is for --repair');
  return {
    contents: !has('quick'),
    repairs: has('repair'),
    force: has('force'),
    json: has('json'),
    unreferencedAgeMs: parseAge(flags.findLast(({ name }) => name === 'age')?.value ?? '24h'),
  };
}

/** Durations as Go writes them. */
function parseAge(text: string): number {
  const ageMs = parseDuration(text);
  if (ageMs === undefined) throw new UsageError(`--age: "${text}" is no duration such as 24h`);
  return ageMs;
}

export interface CheckReport {
  readonly inspection: Inspection;
  readonly repair: RepairResult | undefined;
  /** Damage that is still there. */
  readonly remaining: readonly Finding[];
}

export function formatCheck({ inspection, repair, remaining }: CheckReport, json: boolean): string {
  const { findings, layers, images, containers } = inspection;
  const repaired = repair !== undefined;
  if (json) {
    const outcome = {
      removed: repair?.removed ?? [],
      mended: repair?.mended ?? [],
      kept: repair?.kept ?? [],
    };
    const value = { layers, images, containers, findings, repaired, ...outcome, remaining };
    return `${JSON.stringify(value, undefined, 2)}\n`;
  }
  const lines = findings.map(({ object, id, reason, readOnly, cure }) => {
    const place = readOnly ? 'read-only ' : '';
    return `${place}${object} "${id}" ${reason}${repaired ? '' : (advice[cure] ?? '')}`;
  });
  for (const { object, id } of repair?.removed ?? []) lines.push(`removed ${object} "${id}"`);
  for (const id of repair?.mended ?? []) lines.push(`mended layer "${id}"`);
  lines.push(...(repair?.kept ?? []));
  const damage =
    findings.length === 0 ? 'no damage' : `${findings.length} fault${findings.length === 1 ? '' : 's'}`;
  const after = repaired ? `, ${remaining.length} remain` : '';
  lines.push(`checked ${layers} layers, ${images} images, ${containers} containers: ${damage}${after}`);
  return lines.map((line) => `${line}\n`).join('');
}

const advice: Readonly<Record<string, string>> = {
  mend: ' (--repair mends it)',
  remove: ' (--repair removes it and what stands on it)',
  none: '',
};
