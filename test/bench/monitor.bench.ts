// The native monitor beside Debian's conmon, in turns in the same run, each driven as its own daemon does it.

import { findProgram } from '../harness/command.ts';
import { idle, start, storm } from './monitor-life.bench.ts';
import { burstMemory, logThroughput } from './monitor-log.bench.ts';
import { type Comparison, header, row } from './monitor-report.ts';
import { type NativeBench, nativeBench } from './native-bench.ts';

const rounds = 3;

async function measureAll(bench: NativeBench, tell: (text: string) => void): Promise<void> {
  const tellAll = (figures: readonly Comparison[]) => figures.forEach((figure) => void tell(row(figure)));
  tell(`logs on ${bench.logPlaces.map(({ name, folder }) => `${name} (${folder})`).join(' and ')}`);
  tell(`medians of ${rounds} rounds; conmon does not sync its log; every log is compared byte for byte`);
  tell(header);
  tellAll(await start(bench));
  tellAll(await idle(bench));
  tellAll([await burstMemory(bench)]);
  tellAll(await storm(bench));
  await logThroughput(bench, rounds, tellAll);
}

/** Prints the table. Whatever it started or made is gone afterwards, also after an interrupt. */
export async function monitorBench(tell: (text: string) => void): Promise<void> {
  const conmonPath = findProgram('conmon');
  if (conmonPath === undefined) throw new Error('the comparison needs conmon: apt-get install conmon');
  if (process.getuid?.() !== 0) throw new Error('the comparison needs root');
  const bench = nativeBench(conmonPath);
  const interrupted = (signal: NodeJS.Signals): void => {
    bench.close();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    await measureAll(bench, tell);
  } finally {
    bench.close();
  }
}
