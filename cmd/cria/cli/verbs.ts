// What cria can be asked on the command line.

import { checkVerb } from './check-verb.ts';
import { type Flag, jsonFlag } from './flags.ts';

export interface Verb {
  /** One or two words; empty for the daemon. */
  readonly name: string;
  /** What follows the name in a usage line. */
  readonly operands: string;
  /** The least and the most operands. */
  readonly count: readonly [number, number];
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
  {
    name: 'image load',
    operands: 'PATH',
    count: [1, 1],
    summary:
      'Store the images of an OCI layout (directory or tar) or of a docker archive. No daemon is needed.',
    flags: [{ name: 'name', aliases: [], placeholder: 'REF', doc: 'Name for the image; may be repeated.' }],
    examples: ['cria image load app.tar', 'cria image load --name localhost/app:1 layout/'],
    exitCodes: usualCodes,
  },
  {
    name: 'image pull',
    operands: 'REF',
    count: [1, 1],
    summary: 'Pull an image from its registry, with the mirrors and credentials of the configuration.',
    flags: [],
    examples: ['cria image pull registry.example/app:1'],
    exitCodes: usualCodes,
  },
  {
    name: 'image list',
    operands: '',
    count: [0, 0],
    summary: 'List the images of the store.',
    flags: [jsonFlag],
    examples: ['cria image list', 'cria image list --json'],
    exitCodes: usualCodes,
  },
  {
    name: 'image remove',
    operands: 'REF',
    count: [1, 1],
    summary: 'Remove an image with all its names. One that is not there counts as removed.',
    flags: [],
    examples: ['cria image remove registry.example/app:1'],
    exitCodes: usualCodes,
  },
];

export function findVerb(name: string): Verb | undefined {
  return verbs.find((verb) => verb.name === name);
}
