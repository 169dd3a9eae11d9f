import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PullEvent } from '../../../internal/image/pull-progress.ts';
import { PullState, pullLines } from './pull-bars.ts';
import { pullDisplay } from './pull-display.ts';
import type { Screen } from './terminal.ts';

const image = 'r.io/a:v1';
const layers = ['a', 'b', 'c', 'd'].map((letter, index) => ({
  digest: `sha256:${letter.repeat(64)}` as const,
  sizeBytes: 10_000_000,
  mediaType: 't',
  isPresent: index === 0,
}));
const events: readonly PullEvent[] = [
  { kind: 'started', image },
  { kind: 'layers', image, layers },
  { kind: 'received', image, layer: 1, receivedBytes: 5_000_000 },
  { kind: 'received', image, layer: 2, receivedBytes: 10_000_000 },
];

function stateAfter(count: number): PullState {
  const state = new PullState();
  for (const event of events.slice(0, count)) state.take(event);
  return state;
}

test('each layer is a line, and all of them another one', () => {
  assert.deepEqual(pullLines(stateAfter(4), { columns: 100, rows: 24 }), [
    image,
    '  aaaaaaaaaaaa  here already',
    `  bbbbbbbbbbbb  [${'#'.repeat(15)}${' '.repeat(15)}]  5.0 MB of 10.0 MB`,
    `  cccccccccccc  [${'#'.repeat(30)}]  10.0 MB, unpacking`,
    `  dddddddddddd  [${' '.repeat(30)}]  10.0 MB, waiting`,
    '  15.0 MB of 30.0 MB, 0 of 3 layers',
  ]);
});

test('what does not fit is left out, the layers that are done first', () => {
  const lines = pullLines(stateAfter(4), { columns: 20, rows: 6 });
  assert.equal(lines.length, 5);
  assert.ok(lines.every((line) => line.length <= 19));
  assert.doesNotMatch(lines.join(), /aaaa/);
});

function shown(screen: Screen | undefined): string {
  let text = '';
  const terminal = {
    out: () => {},
    err: (more: string) => {
      text += more;
    },
    write: async () => {},
    screen: () => screen,
    showsResult: false,
  };
  const listener = pullDisplay(terminal);
  for (const event of [...events, { kind: 'unpacked', image, layer: 2 } as const]) listener(event);
  return text;
}

test('without a screen there are lines, and no control signs', () => {
  assert.equal(
    shown(undefined),
    `${image}: 3 of 4 layers to fetch, 30.0 MB\n${image}: sha256:cccccccccccc done, 10.0 MB\n`,
  );
});

test('on a screen the last picture is drawn over', () => {
  const text = shown({ columns: 80, rows: 24 });
  const pictures = text.split('\x1b[J').slice(1);
  assert.match(pictures.at(-1) ?? '', /10\.0 MB, done/);
  assert.ok(text.includes('\x1b[6A'));
});
