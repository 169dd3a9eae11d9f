// Pressure stall information: the kernel's text (Documentation/accounting/psi.rst) as the CRI has it.

import type { PsiData } from '../gen/runtime/v1/PsiData.ts';
import type { PsiStats } from '../gen/runtime/v1/PsiStats.ts';

/** Totals are microseconds. A line that is not there (`full` of the CPU on old kernels) is left out. */
export function psiFromText(text: string): PsiStats {
  const some = lineOf(text, 'some');
  const full = lineOf(text, 'full');
  return { ...(some && { Some: some }), ...(full && { Full: full }) };
}

function lineOf(text: string, name: string): PsiData | undefined {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  if (line === undefined) return undefined;
  const value = (key: string): string => new RegExp(`\\b${key}=([\\d.]+)`).exec(line)?.[1] ?? '0';
  return {
    Total: value('total'),
    Avg10: Number(value('avg10')),
    Avg60: Number(value('avg60')),
    Avg300: Number(value('avg300')),
  };
}
