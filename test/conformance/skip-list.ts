// The written list of specs that a machine may be unable to run, one per line: NAME | why.

import type { SpecResult } from './ginkgo-report.ts';

export interface SkipComparison {
  /** Skipped and not on the list. */
  readonly unlisted: readonly SpecResult[];
  /** Names on the list of specs that ran. */
  readonly ran: readonly string[];
}

/** The names on the list; lines that start with # are comments. */
export function parseSkipList(text: string): string[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [name = '', why = ''] = line.split(' | ');
    if (why.trim() === '') throw new Error(`the list of skips does not say why: ${line}`);
    return name.trim();
  });
}

export function compareSkips(results: readonly SpecResult[], listed: readonly string[]): SkipComparison {
  const names = new Set(listed);
  return {
    unlisted: results.filter(({ outcome, name }) => outcome === 'skipped' && !names.has(name)),
    ran: results
      .filter(({ outcome, name }) => outcome !== 'skipped' && names.has(name))
      .map(({ name }) => name),
  };
}
