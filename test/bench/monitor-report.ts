// How the monitor benchmark tells what it found: cria beside conmon, their ratio, and the target with its verdict.

import { median } from './measure.ts';

export interface Comparison {
  readonly name: string;
  readonly unit: string;
  readonly cria: readonly number[];
  /** Empty where conmon is not asked. */
  readonly conmon: readonly number[];
  /** What is said of the figure beside the verdict. */
  readonly target?: string;
  /** Of the medians; the ratio is conmon's figure by cria's, or for a rate the other way round. */
  readonly holds?: (cria: number, ratio: number) => boolean;
  /** More is better. */
  readonly isRate?: boolean;
}

function figure(value: number): string {
  if (Number.isNaN(value)) return '-';
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** How many times better cria is; NaN without conmon. */
export function ratioOf({ cria, conmon, isRate = false }: Comparison): number {
  const [ours, theirs] = [median(cria), median(conmon)];
  return isRate ? ours / theirs : theirs / ours;
}

export function verdictOf(comparison: Comparison): string {
  const { holds, target, cria } = comparison;
  if (holds === undefined || target === undefined) return '';
  return `${target}: ${holds(median(cria), ratioOf(comparison)) ? 'ok' : 'MISSED'}`;
}

export const header = line('', 'cria', 'conmon', 'ratio', 'target');

export function row(comparison: Comparison): string {
  const { name, unit, cria, conmon } = comparison;
  const ratio = ratioOf(comparison);
  return line(
    `${name}, ${unit}`,
    figure(median(cria)),
    figure(median(conmon)),
    Number.isFinite(ratio) ? `${figure(ratio)}x` : '-',
    verdictOf(comparison),
  );
}

function line(name: string, cria: string, conmon: string, ratio: string, target: string): string {
  return `${name.padEnd(58)}${cria.padStart(9)}${conmon.padStart(9)}${ratio.padStart(8)}  ${target}`.trimEnd();
}
