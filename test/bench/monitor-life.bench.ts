// What a monitor costs besides its log: its start, its memory and wakeups while nothing happens, and many exits at once.

import type { Comparison } from './monitor-report.ts';
import type { LogPlace, NativeBench } from './native-bench.ts';

const idleMonitors = 20;
const idleSeconds = 10;
const starts = 100;
const stormSize = 200;
const stormRounds = 3;

interface IdleMonitor {
  readonly kind: 'cria' | 'conmon';
  readonly privateKb: number;
  readonly pssKb: number;
  readonly rssKb: number;
  readonly wakeups: number;
}

interface Start {
  readonly runtime: number;
  readonly conmon: number;
  readonly cria: number;
}

interface Storm {
  readonly createdNs: number;
  readonly tookNs: number;
  readonly missing: number;
}

function place(bench: NativeBench): LogPlace {
  const [first] = bench.logPlaces;
  if (first === undefined) throw new Error('no place for logs');
  return first;
}

export async function idle(bench: NativeBench): Promise<Comparison[]> {
  const args = ['idle', String(idleMonitors), String(idleSeconds)];
  const monitors = (await bench.run(place(bench), ...args)) as IdleMonitor[];
  const of = (pick: (monitor: IdleMonitor) => number) => ({
    cria: monitors.filter(({ kind }) => kind === 'cria').map(pick),
    conmon: monitors.filter(({ kind }) => kind === 'conmon').map(pick),
  });
  return [
    {
      name: `private memory, idle, of ${idleMonitors}`,
      unit: 'kB',
      ...of(({ privateKb }) => privateKb),
      target: '<= 48',
      holds: (kilobytes) => kilobytes <= 48,
    },
    { name: '  PSS', unit: 'kB', ...of(({ pssKb }) => pssKb) },
    { name: '  RSS', unit: 'kB', ...of(({ rssKb }) => rssKb) },
    {
      name: `wakeups, idle, in ${idleSeconds} s`,
      unit: 'times',
      ...of(({ wakeups }) => wakeups),
      target: '0',
      holds: (wakeups) => wakeups === 0,
    },
  ];
}

export async function start(bench: NativeBench): Promise<Comparison[]> {
  const runs = (await bench.run(place(bench), 'spawn', String(starts))) as Start[];
  const over = (kind: 'cria' | 'conmon') => runs.map((run) => (run[kind] - run.runtime) / 1e6);
  const alone = runs.map(({ runtime }) => runtime / 1e6);
  return [
    {
      name: 'start to created, more than the runtime alone',
      unit: 'ms',
      cria: over('cria'),
      conmon: over('conmon'),
      target: '<= 1',
      holds: (ms) => ms <= 1,
    },
    { name: '  the runtime alone (it only forks)', unit: 'ms', cria: alone, conmon: [] },
  ];
}

export async function storm(bench: NativeBench): Promise<Comparison[]> {
  const runs: Record<'cria' | 'conmon', Storm[]> = { cria: [], conmon: [] };
  for (let round = 0; round < stormRounds; round++)
    for (const kind of ['cria', 'conmon'] as const)
      runs[kind].push((await bench.run(place(bench), 'storm', kind, String(stormSize))) as Storm);
  const of = (pick: (run: Storm) => number) => ({
    cria: runs.cria.map(pick),
    conmon: runs.conmon.map(pick),
  });
  return [
    { name: `${stormSize} creations, one after the other`, unit: 'ms', ...of((run) => run.createdNs / 1e6) },
    { name: `${stormSize} exits at once, all exit files`, unit: 'ms', ...of((run) => run.tookNs / 1e6) },
    {
      name: '  exit files that never came',
      unit: 'of all',
      cria: [runs.cria.reduce((sum, { missing }) => sum + missing, 0)],
      conmon: [runs.conmon.reduce((sum, { missing }) => sum + missing, 0)],
      target: '0',
      holds: (missing) => missing === 0,
    },
  ];
}
