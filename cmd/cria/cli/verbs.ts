// What cria can be asked on the command line.

import { checkVerb } from './check-verb.ts';
import { type Flag, jsonFlag } from './flags.ts';
import { imageVerbs } from './image-verbs.ts';
import { workloadVerbs } from './workload-verbs.ts';

export interface Verb {
  /** One or two words; empty for the daemon. */
  readonly name: string;
  /** What follows the name in a usage line. */
  readonly operands: string;
  /** The least and the most operands. */
  readonly count: readonly [number, number];
  /** What follows the first operand is no flag of ours. */
  readonly endsFlags?: boolean;
  readonly summary: string;
  readonly flags: readonly Flag[];
  readonly examples: readonly string[];
  readonly exitCodes: Readonly<Record<number, string>>;
}

const usualCodes = {
  0: 'done',
  1: 'it failed; the reason is on standard error',
  2: 'the command line is wrong',
};

export const verbs: readonly Verb[] = [
  {
    name: '',
    operands: '',
    count: [0, 0],
    summary:
      'Run the daemon until SIGTERM or SIGINT. Containers go on when it ends; SIGHUP reloads the configuration.',
    flags: [],
    examples: [
      'cria',
      'cria --config /etc/crio/crio.conf --log-level debug',
      'cria --config "" --config-dir "" --root /srv/images',
    ],
    exitCodes: { 0: 'it was told to stop', 1: 'it could not start or go on', 2: 'the command line is wrong' },
  },
  {
    name: 'config',
    operands: '',
    count: [0, 0],
    summary:
      'Print the configuration that the daemon would have, as commented TOML. Values at their default are comments.',
    flags: [
      { name: 'default', aliases: [], placeholder: '', doc: 'Print the defaults, whatever the files say.' },
    ],
    examples: [
      'cria config',
      'cria config --default',
      'cria --cgroup-manager cgroupfs config > /etc/crio/crio.conf',
    ],
    exitCodes: { ...usualCodes, 1: 'the configuration is wrong; the reasons are on standard error' },
  },
  {
    name: 'version',
    operands: '',
    count: [0, 0],
    summary: 'Print the version.',
    flags: [jsonFlag],
    examples: ['cria version', 'cria version --json'],
    exitCodes: usualCodes,
  },
  checkVerb,
  ...imageVerbs,
  ...workloadVerbs,
];

export function findVerb(name: string): Verb | undefined {
  return verbs.find((verb) => verb.name === name);
}
