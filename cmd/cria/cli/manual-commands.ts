// The commands in the manual page cria(8), made of the table of verbs.

import { type Flag, generalFlags } from './flags.ts';
import { type Verb, verbs } from './verbs.ts';

/** Markdown with a heading for each command. */
export function manualCommands(): string {
  return verbs.map(commandText).join('\n');
}

function commandText({ name, operands, summary, flags, examples, exitCodes }: Verb): string {
  const words = [
    `**cria${name === '' ? '' : ` ${name}`}**`,
    '[flags]',
    operands === '' ? '' : `*${operands}*`,
  ];
  const codes = Object.entries(exitCodes).map(([code, meaning]) => `${code} ${meaning}`);
  const shown = name === '' ? [...flags, ...generalFlags] : flags;
  return [
    `## ${words.filter((word) => word !== '').join(' ')}`,
    `${summary}\n`,
    ...shown.map(flagText),
    `Exit codes: ${codes.join('; ')}.\n`,
    `${examples.map((example) => `    ${example}`).join('\n')}\n`,
  ].join('\n');
}

function flagText({ name, aliases, placeholder, doc, env }: Flag): string {
  const short = aliases.filter((alias) => alias.length === 1).map((alias) => `**-${alias}**`);
  const value = placeholder === '' ? '' : ` *${placeholder}*`;
  const variable = env === undefined ? '' : ` ($${env})`;
  return `${[...short, `**--${name}**`].join(', ')}${value}\\\n  ${doc}${variable}\n`;
}
