// The commands `cria image ...`.

import { type Flag, jsonFlag } from './flags.ts';
import type { Verb } from './verbs.ts';

const store =
  'Works on the image store itself, with or without a daemon; a daemon sees the change within a second.';

const codes = {
  0: 'done',
  1: 'it failed; the reason is on standard error',
  2: 'the command line is wrong',
};
const interruptible = {
  ...codes,
  130: 'interrupted by SIGINT; nothing is left of it',
  143: 'the same by SIGTERM',
};

const quiet = (doc: string): Flag => ({ name: 'quiet', aliases: ['q'], placeholder: '', doc });

export const imageVerbs: readonly Verb[] = [
  {
    name: 'image pull',
    operands: 'REF',
    count: [1, 1],
    summary: `Pull an image from its registry, with the mirrors, credentials and signature policy of the configuration, and print its id. Its progress goes to standard error: bars on a terminal, else lines. ${store}`,
    flags: [
      quiet('No progress.'),
      jsonFlag,
      {
        name: 'namespace',
        aliases: [],
        placeholder: 'NAMESPACE',
        doc: 'Obey the signature policy of this Kubernetes namespace.',
      },
    ],
    examples: ['cria image pull registry.example/app:1', 'cria image pull --quiet registry.example/app:1'],
    exitCodes: interruptible,
  },
  {
    name: 'image load',
    operands: 'PATH',
    count: [1, 1],
    summary: `Store the images of an OCI layout (directory or tar) or of a docker archive, and print their ids. ${store}`,
    flags: [
      { name: 'name', aliases: [], placeholder: 'REF', doc: 'Name for the image; may be repeated.' },
      jsonFlag,
    ],
    examples: ['cria image load app.tar', 'cria image load --name localhost/app:1 layout/'],
    exitCodes: interruptible,
  },
  {
    name: 'image save',
    operands: 'REF...',
    count: [1, 1000],
    summary: `Write images as one archive that "cria image load", podman, skopeo and docker read. Layers are written as they were before compression, byte for byte, so that the ids stay. ${store}`,
    flags: [
      {
        name: 'output',
        aliases: ['o'],
        placeholder: 'PATH',
        doc: 'The file, which is replaced when the archive is whole; "-" or nothing for standard output.',
      },
      {
        name: 'format',
        aliases: [],
        placeholder: 'oci|docker',
        doc: 'A tar of an OCI layout, which is the default, or a docker archive.',
      },
    ],
    examples: [
      'cria image save -o app.tar registry.example/app:1',
      'cria image save --format docker registry.example/app:1 registry.example/db:2 | gzip > both.tar.gz',
    ],
    exitCodes: interruptible,
  },
  {
    name: 'image list',
    operands: '',
    count: [0, 0],
    summary: `List the images of the store. ${store}`,
    flags: [jsonFlag, quiet('Only the ids, whole.')],
    examples: ['cria image list', 'cria image list --json'],
    exitCodes: codes,
  },
  {
    name: 'image inspect',
    operands: 'REF...',
    count: [1, 1000],
    summary: `Show what is known of images: names, digests, configuration, layers with their sizes, and the containers that use them, of whichever tool. ${store}`,
    flags: [jsonFlag],
    examples: ['cria image inspect registry.example/app:1', 'cria image inspect --json 3f57d9401f8d'],
    exitCodes: codes,
  },
  {
    name: 'image remove',
    operands: 'REF...',
    count: [1, 1000],
    summary: `Remove images with all their names. One that is not there counts as removed; one that a container uses stays. ${store}`,
    flags: [jsonFlag],
    examples: ['cria image remove registry.example/app:1'],
    exitCodes: { ...codes, 1: 'one or more could not be removed; the reasons are on standard error' },
  },
  {
    name: 'image prune',
    operands: '',
    count: [0, 0],
    summary: `Remove images that have no tag, are not pinned by the configuration and are used by no container of any tool, and print the room that they took. ${store}`,
    flags: [
      { name: 'all', aliases: ['a'], placeholder: '', doc: 'Also images with a tag.' },
      { name: 'dry-run', aliases: [], placeholder: '', doc: 'Remove nothing, print what would be removed.' },
      jsonFlag,
    ],
    examples: ['cria image prune --dry-run --all', 'cria image prune'],
    exitCodes: { ...codes, 1: 'one or more could not be removed; the reasons are on standard error' },
  },
];
