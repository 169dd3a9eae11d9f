// The help of each command.

import { optionList } from '../../../internal/config/option-list.ts';
import { sectionList } from '../../../internal/config/options.ts';
import { type Flag, generalFlags, optionFlags } from './flags.ts';
import { type Verb, verbs } from './verbs.ts';

const width = 100;

/** Usage, flags in groups, examples and exit codes of one command. */
export function helpOf(verb: Verb): string {
  const name = ['cria', verb.name].filter((word) => word !== '').join(' ');
  const usage = [name, '[FLAGS]', verb.operands].filter((word) => word !== '').join(' ');
  const codes = Object.entries(verb.exitCodes).map(([code, meaning]) => `  ${code}  ${meaning}`);
  const parts = [
    `Usage: ${usage}`,
    wrap(verb.summary, ''),
    ...(verb.name === '' ? [`Commands:\n${commandList(verbs.filter(({ name }) => name !== ''))}`] : []),
    `Flags:\n${flagList([...verb.flags, ...generalFlags])}`,
    ...(verb.name === ''
      ? ['A flag that needs no value may have one: --read-only=false.', ...optionGroups()]
      : ['Every flag of the daemon may be given too, see "cria --help".']),
    `Examples:\n${verb.examples.map((example) => `  ${example}`).join('\n')}`,
    `Exit codes:\n${codes.join('\n')}`,
  ];
  return `${parts.join('\n\n')}\n`;
}

/** The commands whose first word is `group`. */
export function groupHelp(group: string): string {
  const members = verbs.filter(({ name }) => name.startsWith(`${group} `));
  return [
    `Usage: cria ${group} COMMAND [FLAGS]`,
    `Commands:\n${commandList(members)}`,
    `Each has a help of its own: cria ${group} COMMAND --help\n`,
  ].join('\n\n');
}

function commandList(named: readonly Verb[]): string {
  return named.map((verb) => wrap(verb.summary, `  ${verb.name.padEnd(14)}`)).join('\n');
}

/** The flags of the option table, by TOML table. */
function optionGroups(): string[] {
  const groups = sectionList.map(([section, { table, title }]) => {
    const names = optionList.filter((listed) => listed.section === section).map((listed) => listed.flag);
    const flags = optionFlags.filter(
      ({ name }) => names.includes(name) || (section === 'runtime' && name === 'runtimes'),
    );
    return `${title} ([${table}] in the configuration):\n${flagList(flags)}`;
  });
  return groups;
}

function flagList(flags: readonly Flag[]): string {
  return flags
    .map((flag) => {
      const names = [
        ...flag.aliases.filter((alias) => alias.length === 1).map((alias) => `-${alias}`),
        `--${flag.name}`,
      ];
      const head = [names.join(', '), flag.placeholder].filter((part) => part !== '').join(' ');
      const variable = flag.env === undefined ? '' : ` ($${flag.env})`;
      return `  ${head}\n${wrap(`${flag.doc}${variable}`, '      ')}`;
    })
    .join('\n');
}

/** Lines of at most `width` characters; the first starts with `lead`, the others with as many blanks. */
function wrap(text: string, lead: string): string {
  const lines = [lead];
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? '';
    const isEmpty = last.length <= lead.length;
    if (isEmpty || last.length + 1 + word.length <= width)
      lines[lines.length - 1] = isEmpty ? `${last}${word}` : `${last} ${word}`;
    else lines.push(`${' '.repeat(lead.length)}${word}`);
  }
  return lines.join('\n');
}
