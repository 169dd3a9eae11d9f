// The commands about what runs on the node: those of a person who looks after it.

import { type Flag, jsonFlag } from './flags.ts';
import type { Verb } from './verbs.ts';

const daemon = 'Asks the daemon, on the socket of the configuration.';
const container =
  'CONTAINER is an id, a name, POD/NAME or NAMESPACE/POD/NAME, or an unambiguous beginning of one; running containers come first.';

const codes = {
  0: 'done',
  1: 'it failed; the reason is on standard error',
  2: 'the command line is wrong',
};
const interruptible = { ...codes, 130: 'interrupted by SIGINT', 143: 'the same by SIGTERM' };

const quiet: Flag = { name: 'quiet', aliases: ['q'], placeholder: '', doc: 'Only the ids, whole.' };
const inNamespace: Flag = {
  name: 'namespace',
  aliases: ['n'],
  placeholder: 'NAMESPACE',
  doc: 'Only those of this Kubernetes namespace.',
};

const logFlags: readonly Flag[] = [
  { name: 'follow', aliases: ['f'], placeholder: '', doc: 'Go on until the container has ended.' },
  {
    name: 'tail',
    aliases: [],
    placeholder: 'LINES',
    doc: 'Begin with the last lines only; -1, the default, with all.',
  },
  {
    name: 'since',
    aliases: [],
    placeholder: 'TIME',
    doc: 'Only lines that are newer: a duration such as 90s or 1h30m, or a time such as 2026-01-31T08:00:00Z.',
  },
  { name: 'timestamps', aliases: ['t'], placeholder: '', doc: 'Put the time before each line.' },
  { name: 'previous', aliases: ['p'], placeholder: '', doc: 'The log of the attempt before.' },
];

export const workloadVerbs: readonly Verb[] = [
  {
    name: 'ps',
    operands: '',
    count: [0, 0],
    summary: `List the containers that run. ${daemon}`,
    flags: [
      { name: 'all', aliases: ['a'], placeholder: '', doc: 'Also those that do not run.' },
      {
        name: 'pod',
        aliases: ['p'],
        placeholder: 'POD',
        doc: 'Only those of this pod: id, NAMESPACE/NAME or name.',
      },
      inNamespace,
      quiet,
      jsonFlag,
    ],
    examples: ['cria ps', 'cria ps --all --pod kube-system/etcd-node1', 'cria ps --json'],
    exitCodes: codes,
  },
  {
    name: 'pods',
    operands: '',
    count: [0, 0],
    summary: `List the pods, with their addresses. ${daemon}`,
    flags: [inNamespace, quiet, jsonFlag],
    examples: ['cria pods', 'cria pods --namespace kube-system --quiet'],
    exitCodes: codes,
  },
  {
    name: 'logs',
    operands: 'CONTAINER',
    count: [1, 1],
    summary: `Print what a container has written, its standard output and error to those of the command. Reads the log file, across a rotation while it follows. ${container}`,
    flags: logFlags,
    examples: ['cria logs web', 'cria logs --follow --tail 20 --timestamps default/web-0/nginx'],
    exitCodes: interruptible,
  },
];
