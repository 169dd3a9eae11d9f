// The same scripts under Debian's conmon, driven as CRI-O does, and under cria-monitor: logs, exit codes, exit files and
// what attached clients see are the same.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  type ClientEnd,
  content,
  type GoldenClient,
  type GoldenContainer,
  type GoldenMonitor,
  missingGolden,
  useGoldenPair,
} from './golden.ts';
import { until } from './monitor-fixture.ts';

interface Outcome {
  readonly exitFile: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly clients: readonly (readonly [string, string])[];
}

interface Cell {
  readonly terminal: boolean;
  readonly input: 'no stdin' | 'stdin kept' | 'stdin once';
  readonly clients: number;
  readonly end: ClientEnd;
}

const dialogue = `echo ready
while read line; do [ "$line" = quit ] && break; echo "got $line"; done
echo end; echo err >&2; exit 3`;
const monologue = 'echo ready; echo err >&2; sleep 0.3; printf last; exit 5';

async function outcome(container: GoldenContainer, clients: readonly GoldenClient[]): Promise<Outcome> {
  const exitFile = await container.exitFile();
  await Promise.all(clients.map((client) => client.closed));
  const log = container.log();
  return {
    exitFile,
    stdout: content(log, 'stdout'),
    stderr: content(log, 'stderr'),
    clients: clients.map((client) => [client.stdout(), client.stderr()]),
  };
}

async function say(client: GoldenClient, word: string): Promise<void> {
  await client.write(`${word}\n`);
  await until(`the answer to ${word}`, () => client.stdout().includes(`got ${word}`));
}

/** One client speaks, the others listen to the end. */
async function play(
  monitor: GoldenMonitor,
  { terminal, input, clients: count, end }: Cell,
): Promise<Outcome> {
  const stdin = input !== 'no stdin';
  const container = await monitor.create(['sh', '-c', stdin ? dialogue : monologue], {
    terminal,
    stdin,
    stdinOnce: input === 'stdin once',
  });
  const clients: GoldenClient[] = [];
  for (let at = 0; at < count; at++) clients.push(await container.attach(at === 0 ? end : 'eof'));
  container.start();
  await until('ready', () => container.log().includes('ready'));
  const [speaker] = clients;
  // What one that disconnects sees after its last answer is a matter of time.
  const staying = (): GoldenClient[] => (end === 'disconnect' ? clients.slice(1) : clients);
  if (speaker === undefined) {
    if (stdin) container.signal(9);
    return outcome(container, clients);
  }
  if (!stdin) {
    await until('the first words', () => speaker.stdout().includes('ready'));
    speaker.end();
    return outcome(container, staying());
  }
  await say(speaker, 'one');
  await say(speaker, 'two');
  speaker.end();
  if (input === 'stdin kept') {
    const late = await container.attach('eof');
    await late.write('quit\n');
    clients.push(late);
  }
  return outcome(container, staying());
}

const cells = [false, true].flatMap((terminal) =>
  (['no stdin', 'stdin kept', 'stdin once'] as const).flatMap((input) =>
    [0, 1, 3].flatMap((clients) =>
      (['eof', 'disconnect'] as const).map((end): Cell => ({ terminal, input, clients, end })),
    ),
  ),
);

describe('golden', { skip: missingGolden() }, () => {
  const pair = useGoldenPair();

  for (const cell of cells) {
    // Nobody is there to end anything.
    if (cell.clients === 0 && cell.end === 'disconnect') continue;
    // There conmon differs, see monitor-golden-differences.test.ts.
    if (cell.terminal && cell.input === 'stdin once' && cell.clients > 0) continue;
    const { terminal, input, clients, end } = cell;
    test(`${terminal ? 'terminal' : 'pipes'}, ${input}, ${clients} clients, ${end}`, async () => {
      const theirs = await play(pair.conmon, cell);
      assert.deepEqual(await play(pair.cria, cell), theirs);
    });
  }

  const files: readonly (readonly [string, () => Buffer])[] = [
    ['random bytes', () => randomBytes(3 << 20)],
    ['NUL, CR and bytes that are no UTF-8', () => Buffer.from('a\0b\rc\r\n\xff\xfe\n', 'latin1')],
    ['one line of 1 MB without an end', () => Buffer.alloc(1_000_000, 'x')],
    ['only newlines', () => Buffer.alloc(50_000, '\n')],
    ['lines about as long as a piece', () => lines(16383, 16384, 16385, 8191, 8192, 8193, 32768)],
  ];
  for (const [name, make] of files) {
    test(`the log of ${name}`, async () => {
      const data = make();
      writeFileSync(join(pair.world.root, 'rootfs', 'data'), data);
      for (const monitor of [pair.conmon, pair.cria]) {
        const container = await monitor.create(['sh', '-c', 'cat /data; cat /data >&2']);
        container.start();
        assert.equal(await container.exitFile(), '0');
        for (const stream of ['stdout', 'stderr'] as const)
          assert.ok(
            content(container.log(), stream) === data.toString('latin1'),
            `${monitor.name} ${stream}`,
          );
      }
    });
  }

  for (const [script, code] of [
    ['true', '0'],
    ['exit 255', '255'],
    ['kill -TERM $$', '0'], // an init takes no default action
    ['/no/such', '127'],
  ] as const) {
    test(`the exit file of ${script}`, async () => {
      for (const monitor of [pair.conmon, pair.cria]) {
        const container = await monitor.create(['sh', '-c', script]);
        container.start();
        assert.equal(await container.exitFile(), code, monitor.name);
      }
    });
  }
});

function lines(...lengths: readonly number[]): Buffer {
  return Buffer.from(lengths.map((length) => `${'y'.repeat(length)}\n`).join(''));
}
