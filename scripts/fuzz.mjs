// Fuzzes the monitor's parsers and writers: node scripts/fuzz.mjs [--seconds N] [TARGET...]
// Each target runs N seconds (60), two at a time, from its seeds in test/fuzz/corpus/TARGET; what it finds interesting
// is kept in dist/bin-fuzz/corpus. Fails when one crashes, hangs or leaks: the input becomes a seed when it is mended.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = `${root}dist/bin-fuzz`;
const atOnce = 2;

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '60' } },
  allowPositionals: true,
});

const all = readdirSync(`${root}test/fuzz`)
  .filter((name) => name.endsWith('-fuzzer.c'))
  .map((name) => name.slice(0, -'-fuzzer.c'.length));
const targets = positionals.length > 0 ? positionals : all;
const unknown = targets.find((target) => !all.includes(target));
if (unknown !== undefined || !/^[1-9]\d*$/.test(values.seconds)) {
  console.error(`usage: npm run fuzz [-- --seconds N] [TARGET...]; targets: ${all.join(' ')}`);
  process.exit(2);
}

/** Resolves with the line of the result. */
function fuzz(target) {
  const found = `${bin}/corpus/${target}`;
  const seeds = `${root}test/fuzz/corpus/${target}`;
  mkdirSync(found, { recursive: true });
  const args = [
    `-max_total_time=${values.seconds}`,
    '-timeout=60', // an input takes microseconds, and a machine can stand still for seconds
    '-rss_limit_mb=1024',
    '-print_final_stats=1',
  ];
  args.push(`-artifact_prefix=${bin}/${target}-`, found, ...(existsSync(seeds) ? [seeds] : []));
  return new Promise((resolve) => {
    const child = spawn(`${bin}/${target}`, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (chunk) => {
      text = `${text}${chunk}`.slice(-20_000);
    });
    child.on('close', (code) => {
      const runs = /number_of_executed_units: (\d+)/.exec(text)?.[1] ?? '0';
      const covered = [...text.matchAll(/cov: (\d+)/g)].at(-1)?.[1] ?? '0';
      console.log(`${code === 0 ? 'ok' : 'FAILED'} ${target}: ${runs} inputs, ${covered} edges`);
      if (code !== 0) console.error(text);
      resolve(code === 0);
    });
  });
}

async function work(queue) {
  let isGood = true;
  for (let target = queue.shift(); target !== undefined; target = queue.shift())
    isGood = (await fuzz(target)) && isGood;
  return isGood;
}

const build = spawnSync(process.execPath, [`${root}scripts/build-native.mjs`, 'fuzz'], { stdio: 'inherit' });
if (build.status !== 0) process.exit(1);
const queue = [...targets];
const results = await Promise.all(Array.from({ length: atOnce }, () => work(queue)));
process.exit(results.every(Boolean) ? 0 : 1);
