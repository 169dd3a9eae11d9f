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

const commandFlags: readonly Flag[] = [
  {
    name: 'stdin',
    aliases: ['i', 'interactive'],
    placeholder: '',
    doc: 'Hand on what comes on standard input, and its end.',
  },
  {
    name: 'tty',
    aliases: ['t'],
    placeholder: '',
    doc: 'Use a terminal. With --stdin every key goes to the program, Ctrl-C too, and so does the size of the window.',
  },
];

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
  {
    name: 'exec',
    operands: 'CONTAINER COMMAND...',
    count: [2, Number.POSITIVE_INFINITY],
    endsFlags: true,
    summary: `Run a command in a running container, with its output, its input if asked for, and its exit code. All that follows CONTAINER is the command's. When cria ends, the command is killed. ${container}`,
    flags: commandFlags,
    examples: [
      'cria exec web ls -l /tmp',
      'cria exec -it default/web-0/nginx sh',
      'cria exec -i db psql < dump.sql',
    ],
    exitCodes: {
      0: "the command's own code, as any other is; 128 and the signal if it was killed",
      1: 'it could not be run; the reason is on standard error',
      2: 'the command line is wrong',
      130: 'interrupted by SIGINT, which kills the command',
      143: 'the same by SIGTERM',
    },
  },
  {
    name: 'attach',
    operands: 'CONTAINER',
    count: [1, 1],
    summary: `Show what a container writes from now on, and with --stdin write to it. Say --tty for a container that has a terminal. When cria ends, the container goes on. ${container}`,
    flags: [
      ...commandFlags,
      {
        name: 'detach-keys',
        aliases: [],
        placeholder: 'KEYS',
        doc: 'What to type on a terminal to leave: letters, or ctrl- and one of a to z and @[\\]^_, with commas between them; ctrl-p,ctrl-q by default, "" for none.',
      },
    ],
    examples: ['cria attach web', 'cria attach -it --detach-keys ctrl-x shell'],
    exitCodes: { ...interruptible, 0: 'the container has ended, or was left by the detach keys' },
  },
  {
    name: 'sessions',
    operands: '',
    count: [0, 0],
    summary: `List the exec, attach and port-forward sessions that clients have now, by container and pod. ${daemon}`,
    flags: [jsonFlag],
    examples: ['cria sessions', 'cria sessions --json'],
    exitCodes: codes,
  },
  {
    name: 'port-forward',
    operands: 'POD [LOCAL:]PORT...',
    count: [2, 1000],
    summary:
      'Listen on local ports and connect each connection to a port of a pod, on its own loopback address, until SIGINT or SIGTERM, or until a connection finds that the pod is gone. LOCAL is PORT unless said otherwise; 0 takes a free one. POD is an id, NAMESPACE/NAME, a name, or an unambiguous beginning of one.',
    flags: [
      {
        name: 'address',
        aliases: [],
        placeholder: 'IP',
        doc: 'Where to listen: 127.0.0.1 by default. Whoever reaches the address reaches the pod.',
      },
    ],
    examples: ['cria port-forward web-0 8080:80', 'cria port-forward kube-system/dns 0:53 9153'],
    exitCodes: interruptible,
  },
];
