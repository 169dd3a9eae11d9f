// Reads a seccomp profile from JSON that a node's admin wrote, and says where it is wrong.

import { DaemonError } from '../../errors/daemon-error.ts';
import type { SyscallArgument } from '../../oci/runtime-spec.ts';

export interface RuleCondition {
  readonly caps: readonly string[];
  /** GOARCH names. */
  readonly arches: readonly string[];
  /** `major * 1000 + minor`. */
  readonly minKernel: number | undefined;
}

export interface RuleSource {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args: readonly SyscallArgument[];
  readonly includes?: RuleCondition;
  readonly excludes?: RuleCondition;
}

export interface ProfileSource {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures: readonly string[];
  readonly archMap: readonly {
    readonly architecture: string;
    readonly subArchitectures: readonly string[];
  }[];
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls: readonly RuleSource[];
}

const actions: ReadonlySet<string> = new Set(
  ['KILL', 'KILL_THREAD', 'KILL_PROCESS', 'TRAP', 'ERRNO', 'TRACE', 'ALLOW', 'LOG', 'NOTIFY'].map(
    (name) => `SCMP_ACT_${name}`,
  ),
);
const operators: ReadonlySet<string> = new Set(
  ['NE', 'LT', 'LE', 'EQ', 'GE', 'GT', 'MASKED_EQ'].map((name) => `SCMP_CMP_${name}`),
);
const maxRules = 10_000;

/** The profile in `json`; throws `invalid-argument` with `source` and the field at fault. */
export function parseSeccompProfile(json: unknown, source: string): ProfileSource {
  try {
    return profileOf(record(json, 'the profile'));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DaemonError('invalid-argument', `seccomp profile "${source}" is not valid: ${why}`);
  }
}

type Fields = Readonly<Record<string, unknown>>;

function profileOf(fields: Fields): ProfileSource {
  const syscalls = list(fields['syscalls'], 'syscalls');
  if (syscalls.length > maxRules) throw new TypeError(`syscalls has more than ${maxRules} rules`);
  const defaultErrnoRet = errno(fields, 'defaultErrnoRet', 'defaultErrno');
  const flags = strings(fields['flags'], 'flags');
  const listenerPath = optionalString(fields['listenerPath'], 'listenerPath');
  const listenerMetadata = optionalString(fields['listenerMetadata'], 'listenerMetadata');
  return {
    defaultAction: action(fields['defaultAction'], 'defaultAction'),
    ...(defaultErrnoRet !== undefined && { defaultErrnoRet }),
    architectures: strings(fields['architectures'], 'architectures'),
    archMap: list(fields['archMap'], 'archMap').map((item) => {
      const entry = record(item, 'archMap');
      return {
        architecture: text(entry['architecture'], 'archMap.architecture'),
        subArchitectures: strings(entry['subArchitectures'], 'archMap.subArchitectures'),
      };
    }),
    ...(flags.length > 0 && { flags }),
    ...(listenerPath !== undefined && { listenerPath }),
    ...(listenerMetadata !== undefined && { listenerMetadata }),
    syscalls: syscalls.map((item, index) => ruleOf(record(item, `syscalls[${index}]`), `syscalls[${index}]`)),
  };
}

function ruleOf(fields: Fields, where: string): RuleSource {
  const name = optionalString(fields['name'], `${where}.name`);
  const names = [...(name === undefined ? [] : [name]), ...strings(fields['names'], `${where}.names`)];
  if (names.length === 0) throw new TypeError(`${where} names no system call`);
  const errnoRet = errno(fields, 'errnoRet', 'errno');
  return {
    names,
    action: action(fields['action'], `${where}.action`),
    ...(errnoRet !== undefined && { errnoRet }),
    args: list(fields['args'], `${where}.args`).map((item) =>
      argumentOf(record(item, `${where}.args`), where),
    ),
    ...(isPresent(fields['includes']) && { includes: conditionOf(fields['includes'], `${where}.includes`) }),
    ...(isPresent(fields['excludes']) && { excludes: conditionOf(fields['excludes'], `${where}.excludes`) }),
  };
}

function argumentOf(fields: Fields, where: string): SyscallArgument {
  const op = text(fields['op'], `${where}.args.op`);
  if (!operators.has(op)) throw new TypeError(`${where}.args.op "${op}" is not known`);
  const valueTwo = isPresent(fields['valueTwo']) ? integer(fields['valueTwo'], `${where}.args.valueTwo`) : 0;
  return {
    index: integer(fields['index'], `${where}.args.index`),
    value: integer(fields['value'], `${where}.args.value`),
    ...(valueTwo !== 0 && { valueTwo }),
    op,
  };
}

function conditionOf(value: unknown, where: string): RuleCondition {
  const fields = record(value, where);
  const minKernel = optionalString(fields['minKernel'], `${where}.minKernel`);
  const version = /^(\d{1,3})\.(\d{1,3})/.exec(minKernel ?? '');
  if (minKernel !== undefined && version === null)
    throw new TypeError(`${where}.minKernel is not MAJOR.MINOR`);
  return {
    caps: strings(fields['caps'], `${where}.caps`),
    arches: strings(fields['arches'], `${where}.arches`),
    minKernel: version === null ? undefined : Number(version[1]) * 1000 + Number(version[2]),
  };
}

function action(value: unknown, where: string): string {
  const name = text(value, where);
  if (!actions.has(name)) throw new TypeError(`${where} "${name}" is not known`);
  return name;
}

const errnoNumbers: Readonly<Record<string, number>> = { EPERM: 1, EACCES: 13, EINVAL: 22, ENOSYS: 38 };

/** The number in `numberField`, else the number of the name in `nameField`: the container tools write both. */
function errno(fields: Fields, numberField: string, nameField: string): number | undefined {
  if (isPresent(fields[numberField])) return integer(fields[numberField], numberField);
  const name = optionalString(fields[nameField], nameField);
  if (name === undefined || name === '') return undefined;
  const number = errnoNumbers[name];
  if (number === undefined) throw new TypeError(`${nameField} "${name}" needs ${numberField} beside it`);
  return number;
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function record(value: unknown, where: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${where} is not an object`);
  }
  return value as Fields;
}

function list(value: unknown, where: string): readonly unknown[] {
  if (!isPresent(value)) return [];
  if (!Array.isArray(value)) throw new TypeError(`${where} is not a list`);
  return value;
}

function strings(value: unknown, where: string): readonly string[] {
  return list(value, where).map((item) => text(item, where));
}

function text(value: unknown, where: string): string {
  if (typeof value !== 'string') throw new TypeError(`${where} is not a string`);
  return value;
}

function optionalString(value: unknown, where: string): string | undefined {
  return isPresent(value) ? text(value, where) : undefined;
}

function integer(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw new TypeError(`${where} is not a number of 0 or more`);
  }
  if (!Number.isSafeInteger(value)) throw new TypeError(`${where} is above 2^53 - 1`); // another number after JSON.parse
  return value;
}
