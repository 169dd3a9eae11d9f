// Throughput of the log: what a container writes until its exit is recorded, with every byte compared afterwards.

import { rmSync } from 'node:fs';
import type { Comparison } from './monitor-report.ts';
import type { LogPlace, NativeBench } from './native-bench.ts';

interface LogCase {
  readonly name: string;
  /** Bytes of a line, of a write, of all. */
  readonly load: readonly [line: number, write: number, total: number];
  readonly isTarget?: boolean;
}

const cases: readonly LogCase[] = [
  { name: '1 GB of 100-byte lines', load: [100, 65_536, 1_000_000_000], isTarget: true },
  { name: '1 GB of 10-KB lines', load: [10_240, 65_536, 1_000_000_000] },
  { name: '300 MB, a write per 100-byte line', load: [100, 100, 300_000_000] },
  { name: '5 MB, a write per byte', load: [100, 1, 5_000_000] },
  { name: '100 MB without a newline', load: [0, 65_536, 100_000_000] },
];
const kinds = ['cria', 'conmon'] as const;
type Kind = (typeof kinds)[number];

interface LogRun {
  readonly log: string;
  readonly tookNs: number;
  readonly processorNs: number;
  readonly peakPrivateKb: number;
}

async function runOnce(bench: NativeBench, place: LogPlace, kind: Kind, load: string, sample: boolean) {
  const run = (await bench.run(place, 'log', kind, load, ...(sample ? ['sample'] : []))) as LogRun;
  try {
    await bench.run(place, 'verify', load, run.log);
  } finally {
    rmSync(run.log, { force: true });
  }
  return run;
}

async function compare(bench: NativeBench, place: LogPlace, logCase: LogCase, rounds: number) {
  const load = logCase.load.join(' ');
  const runs: Record<Kind, LogRun[]> = { cria: [], conmon: [] };
  for (let round = 0; round < rounds; round++)
    for (const kind of round % 2 === 0 ? kinds : kinds.toReversed())
      runs[kind].push(await runOnce(bench, place, kind, load, false));
  const rate = (kind: Kind) => runs[kind].map(({ tookNs }) => logCase.load[2] / 1e6 / (tookNs / 1e9));
  const seconds = (kind: Kind) => runs[kind].map(({ processorNs }) => processorNs / 1e9);
  const name = `${logCase.name}, ${place.name}`;
  return [
    {
      name,
      unit: 'MB/s',
      cria: rate('cria'),
      conmon: rate('conmon'),
      isRate: true,
      ...(logCase.isTarget ? { target: '>= 3x', holds: (_: number, ratio: number) => ratio >= 3 } : {}),
    },
    { name: '  processor time of the monitor', unit: 's', cria: seconds('cria'), conmon: seconds('conmon') },
  ];
}

export async function logThroughput(
  bench: NativeBench,
  rounds: number,
  tell: (figures: readonly Comparison[]) => void,
): Promise<void> {
  for (const logCase of cases)
    for (const place of bench.logPlaces) tell(await compare(bench, place, logCase, rounds));
}

/** The most private memory of a monitor while its container writes as fast as it can. */
export async function burstMemory(bench: NativeBench): Promise<Comparison> {
  const [place] = bench.logPlaces;
  if (place === undefined) throw new Error('no place for logs');
  const peaks: Record<Kind, number[]> = { cria: [], conmon: [] };
  for (const load of ['100 65536 300000000', '0 65536 100000000', '2 65536 10000000'])
    for (const kind of kinds) peaks[kind].push((await runOnce(bench, place, kind, load, true)).peakPrivateKb);
  return {
    name: 'private memory in a burst, highest',
    unit: 'kB',
    cria: [Math.max(...peaks.cria)],
    conmon: [Math.max(...peaks.conmon)],
    target: '<= 300',
    holds: (kilobytes) => kilobytes <= 300,
  };
}
