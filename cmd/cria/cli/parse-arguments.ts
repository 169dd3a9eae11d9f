// A command line to verb, flags and the rest.

import { parseArgs } from 'node:util';
import type { FlagValue } from '../../../internal/config/overrides.ts';
import { type Flag, generalFlags, ignoredFlags, optionFlags } from './flags.ts';
import { nearestName } from './nearest-name.ts';
import { UsageError } from './usage-error.ts';
import { findVerb, type Verb, verbs } from './verbs.ts';

export interface CommandLine {
  readonly verb: Verb;
  readonly positionals: readonly string[];
  /** With the flags' full names, in the order in which they were given. */
  readonly flags: readonly FlagValue[];
  /** The first word of several verbs, with a request for help and no verb. */
  readonly helpGroup: string | undefined;
}

/** Takes a command line apart. Throws UsageError for anything unknown, naming what may have been meant. */
export function parseArguments(whole: readonly string[]): CommandLine {
  const all = [...verbs.flatMap((verb) => verb.flags), ...generalFlags, ...optionFlags, ...ignoredFlags];
  const { argv, rest } = withoutCommand(whole, all);
  const first = tokensOf(argv, all);
  // A misspelt flag first: its value looks like a command.
  for (const token of first) if (token.kind === 'option') knownFlag(token, all);
  const known = verbFirst(verbOf(first).verb, all);
  const tokens = tokensOf(argv, known);
  const { verb, positionals, helpGroup } = verbOf(tokens);
  const flags = tokens.flatMap((token) => (token.kind === 'option' ? [flagValue(token, verb, known)] : []));
  return { verb, positionals: [...positionals, ...rest], flags, helpGroup };
}

/** Cuts off another program's command line, which follows the first operand of verbs that take one; `--` may be between. */
function withoutCommand(
  whole: readonly string[],
  all: readonly Flag[],
): { argv: readonly string[]; rest: readonly string[] } {
  const wholeLine = { argv: whole, rest: [] };
  const word = tokensOf(whole, all).find(({ kind }) => kind === 'positional');
  const verb = word?.kind === 'positional' ? findVerb(word.value) : undefined;
  if (verb?.endsFlags !== true) return wholeLine;
  const operands = tokensOf(whole, verbFirst(verb, all)).filter(({ kind }) => kind === 'positional');
  const end = operands[1] === undefined ? whole.length : operands[1].index + 1;
  const rest = whole.slice(end);
  return { argv: whole.slice(0, end), rest: rest[0] === '--' ? rest.slice(1) : rest };
}

type Token = { readonly index: number } & (
  | ({ readonly kind: 'option' } & OptionToken)
  | { readonly kind: 'positional'; readonly value: string }
  | { readonly kind: 'option-terminator' }
);

function tokensOf(argv: readonly string[], known: readonly Flag[]): readonly Token[] {
  // The first of several with one name or letter counts.
  const options = Object.fromEntries(known.toReversed().flatMap(parserOptions));
  return parseArgs({ args: [...argv], options, strict: false, tokens: true }).tokens;
}

interface SplitWords {
  readonly verb: Verb;
  readonly positionals: readonly string[];
  readonly helpGroup?: string | undefined;
}

function verbOf(tokens: readonly Token[]): SplitWords {
  const words = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []));
  const wantsHelp = tokens.some((token) => token.kind === 'option' && token.name === 'help');
  return splitVerb(words, wantsHelp);
}

/** All flags, those of the verb first: `-r` is the root directory, but for `cria check` it means to repair. */
function verbFirst(verb: Verb, all: readonly Flag[]): Flag[] {
  const own = new Set(verb.flags.flatMap(({ name, aliases }) => [name, ...aliases]));
  const others = all.flatMap((flag) => {
    if (verb.flags.includes(flag) || own.has(flag.name)) return [];
    return [
      flag.aliases.some((alias) => own.has(alias))
        ? { ...flag, aliases: flag.aliases.filter((alias) => !own.has(alias)) }
        : flag,
    ];
  });
  return [...verb.flags, ...others];
}

type ParserOption = { type: 'string' | 'boolean'; short?: string };

/** The flag and its longer aliases for parseArgs, which knows aliases of one letter only. */
function parserOptions({ name, placeholder, aliases }: Flag): [string, ParserOption][] {
  const type = placeholder === '' ? 'boolean' : 'string';
  const short = aliases.find((alias) => alias.length === 1);
  const others = aliases.filter((alias) => alias.length > 1);
  return [
    [name, short === undefined ? { type } : { type, short }],
    ...others.map((alias): [string, ParserOption] => [alias, { type }]),
  ];
}

/**
 * Words up to the longest known verb are the verb; `cria` alone is the daemon. Whoever asks for help with half a verb gets
 * those that it begins; with a wrong one that of `cria`, which names them all.
 */
function splitVerb(words: readonly string[], wantsHelp: boolean): SplitWords {
  for (const length of [2, 1]) {
    const verb = words.length >= length ? findVerb(words.slice(0, length).join(' ')) : undefined;
    if (verb !== undefined) return { verb, positionals: words.slice(length) };
  }
  const [first] = words;
  const daemon = findVerb('');
  const group = verbs.filter((verb) => verb.name.startsWith(`${first} `)).map((verb) => verb.name);
  if (daemon !== undefined && (first === undefined || wantsHelp))
    return { verb: daemon, positionals: [], helpGroup: group.length > 0 ? first : undefined };
  if (group.length > 0) {
    const names = group.map((name) => name.split(' ')[1] ?? '');
    throw new UsageError(groupMessage(first ?? '', words[1], names), first);
  }
  const instead = commandsOfCrio.get(first ?? '');
  if (instead !== undefined) throw new UsageError(`cria has no command "${first}": ${instead}`);
  const names = verbs.map((verb) => verb.name.split(' ')[0] ?? '');
  throw new UsageError(`unknown command "${first}"${suggestion(nearestName(first ?? '', names))}`);
}

/** What scripts and people who know CRI-O ask for, and what to do here. */
const commandsOfCrio: ReadonlyMap<string, string> = new Map([
  ['wipe', 'images are never wiped, and internal_wipe removes what a reboot has left of containers'],
  ['status', 'see "cria config", "cria ps", "cria sessions" and "crictl info"'],
  ['complete', 'it has no completions for shells'],
  ['man', 'its manual is in docs/'],
  ['md', 'its manual is in docs/'],
]);

function groupMessage(group: string, word: string | undefined, names: readonly string[]): string {
  if (word === undefined) return `"${group}" needs one of: ${names.join(', ')}`;
  const nearest = nearestName(word, names);
  const hint = nearest === undefined ? `, there are: ${names.join(', ')}` : suggestion(`${group} ${nearest}`);
  return `unknown command "${group} ${word}"${hint}`;
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
}

function knownFlag(token: OptionToken, known: readonly Flag[]): Flag {
  const flag = known.find(({ name, aliases }) => name === token.name || aliases.includes(token.name));
  if (flag !== undefined) return flag;
  const names = known.flatMap(({ name, aliases }) => [name, ...aliases]).filter((name) => name.length > 1);
  const nearest = token.name.length === 1 ? undefined : nearestName(token.name, names);
  throw new UsageError(`unknown flag ${token.rawName}${suggestion(nearest && `--${nearest}`)}`);
}

function flagValue(token: OptionToken, verb: Verb, known: readonly Flag[]): FlagValue {
  const flag = knownFlag(token, known);
  const isOfOtherVerb =
    !verb.flags.includes(flag) && verbs.some(({ flags }) => flags.some(({ name }) => name === flag.name));
  if (isOfOtherVerb)
    throw new UsageError(`${token.rawName} is not a flag of "${`cria ${verb.name}`.trimEnd()}"`, verb.name);
  if (flag.placeholder !== '' && token.value === undefined)
    throw new UsageError(`${token.rawName} needs a value: ${flag.placeholder}`, verb.name);
  return { name: flag.name, value: token.value };
}

function suggestion(name: string | undefined): string {
  return name === undefined ? '' : `, did you mean "${name}"?`;
}
