// What the commands about pods and containers are asked.

import { isIP } from 'node:net';
import { parseDetachKeys } from '../workloads/detach-keys.ts';
import { parseDuration } from './duration.ts';
import type { CommandLine } from './parse-arguments.ts';
import { UsageError } from './usage-error.ts';

export interface LogOptions {
  readonly follow: boolean;
  /** Undefined for all. */
  readonly tailLines: number | undefined;
  readonly since: Date | undefined;
  readonly timestamps: boolean;
}

export interface PortPair {
  /** 0 takes a free one. */
  readonly local: number;
  readonly remote: number;
}

export type WorkloadCommand =
  | {
      readonly action: 'ps';
      readonly all: boolean;
      readonly pod: string | undefined;
      readonly namespace: string | undefined;
      readonly quiet: boolean;
      readonly json: boolean;
    }
  | {
      readonly action: 'pods';
      readonly namespace: string | undefined;
      readonly quiet: boolean;
      readonly json: boolean;
    }
  | { readonly action: 'sessions'; readonly json: boolean }
  | {
      readonly action: 'logs';
      readonly container: string;
      readonly previous: boolean;
      readonly options: LogOptions;
    }
  | {
      readonly action: 'exec';
      readonly container: string;
      readonly command: readonly string[];
      readonly stdin: boolean;
      readonly terminal: boolean;
    }
  | {
      readonly action: 'attach';
      readonly container: string;
      readonly stdin: boolean;
      readonly terminal: boolean;
      readonly detachKeys: Buffer;
    }
  | {
      readonly action: 'port-forward';
      readonly pod: string;
      readonly address: string;
      readonly ports: readonly PortPair[];
    };

/** The command of a command line whose verb is one of the workload verbs; `now` is what durations count back from. */
export function workloadCommand(line: CommandLine, now: Date): WorkloadCommand {
  const { verb, positionals, flags } = line;
  const [operand = ''] = positionals;
  const has = (wanted: string): boolean => flags.some(({ name }) => name === wanted);
  const value = (wanted: string): string | undefined => flags.findLast(({ name }) => name === wanted)?.value;
  switch (verb.name) {
    case 'ps': {
      const [pod, namespace] = [value('pod'), value('namespace')];
      return { action: 'ps', all: has('all'), pod, namespace, quiet: has('quiet'), json: has('json') };
    }
    case 'pods':
      return { action: 'pods', namespace: value('namespace'), quiet: has('quiet'), json: has('json') };
    case 'sessions':
      return { action: 'sessions', json: has('json') };
    case 'logs': {
      const options = {
        follow: has('follow'),
        tailLines: tailLines(value('tail') ?? '-1'),
        since: since(value('since'), now),
        timestamps: has('timestamps'),
      };
      return { action: 'logs', container: operand, previous: has('previous'), options };
    }
    case 'exec': {
      const [, ...command] = positionals;
      return { action: 'exec', container: operand, command, stdin: has('stdin'), terminal: has('tty') };
    }
    case 'attach': {
      const detachKeys = detachKeysOf(value('detach-keys') ?? 'ctrl-p,ctrl-q');
      return { action: 'attach', container: operand, stdin: has('stdin'), terminal: has('tty'), detachKeys };
    }
    case 'port-forward': {
      const [, ...ports] = positionals;
      const address = addressOf(value('address') ?? '127.0.0.1');
      return { action: 'port-forward', pod: operand, address, ports: ports.map(portPair) };
    }
    default:
      throw new UsageError(`unknown command "${verb.name}"`);
  }
}

function detachKeysOf(text: string): Buffer {
  const keys = parseDetachKeys(text);
  if (keys !== undefined) return keys;
  throw new UsageError(`--detach-keys: "${text}" are no keys such as ctrl-p,ctrl-q`);
}

function addressOf(text: string): string {
  if (isIP(text) !== 0) return text;
  throw new UsageError(`--address: "${text}" is no IP address`);
}

function portPair(text: string): PortPair {
  const [, local, remote] = /^(?:(\d{0,5}):)?(\d{1,5})$/.exec(text) ?? [];
  const pair = { local: Number(local ?? remote), remote: Number(remote) };
  const isPort = (port: number): boolean => port <= 65_535; // not for NaN
  if (isPort(pair.local) && isPort(pair.remote) && pair.remote > 0) return pair;
  throw new UsageError(`"${text}" are no ports such as 80 or 8080:80`);
}

function tailLines(text: string): number | undefined {
  if (text === '-1') return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`--tail: "${text}" is no number of lines`);
}

function since(text: string | undefined, now: Date): Date | undefined {
  if (text === undefined) return undefined;
  const duration = parseDuration(text);
  if (duration !== undefined) return new Date(now.getTime() - duration);
  const time = /^\d{4}-\d\d-\d\d(T\S+)?$/.test(text) ? new Date(text) : undefined;
  if (time !== undefined && !Number.isNaN(time.getTime())) return time;
  throw new UsageError(
    `--since: "${text}" is neither a duration such as 90s nor a time such as 2026-01-31T08:00:00Z`,
  );
}
