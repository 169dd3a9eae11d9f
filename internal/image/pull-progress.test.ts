import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../registry/digest.ts';
import { type PullEvent, type PullLayer, PullProgress } from './pull-progress.ts';

const layers: readonly PullLayer[] = [
  { digest: digestOf(Buffer.from('base')), sizeBytes: 7, mediaType: 't', isPresent: true },
  { digest: digestOf(Buffer.from('top')), sizeBytes: 30_000, mediaType: 't', isPresent: false },
];

async function* pieces(count: number): AsyncGenerator<Uint8Array> {
  for (let piece = 0; piece < count; piece += 1) yield Buffer.alloc(3);
}

async function drain(blob: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const chunk of blob) length += chunk.length;
  return length;
}

test('a pull is told in order, its bytes seldom, and a late listener gets the state', async () => {
  const events: PullEvent[] = [];
  const progress = new PullProgress([(event) => events.push(event)]);
  progress.start('r.io/a:v1');
  progress.begin(layers);
  assert.equal(await drain(progress.receive(1, pieces(10_000))), 30_000);

  const late: PullEvent[] = [];
  const stop = progress.listen((event) => late.push(event));
  progress.unpacked(1);
  stop();
  progress.done('id');

  const received = events.filter(({ kind }) => kind === 'received');
  assert.ok(received.length < 100, `${received.length} events for 10000 pieces`);
  const [image, layer] = ['r.io/a:v1', 1];
  const last = { kind: 'received', image, layer, receivedBytes: 30_000 };
  assert.deepEqual(received.at(-1), last);
  const others = events.filter(({ kind }) => kind !== 'received');
  const unpacked = { kind: 'unpacked', image, layer };
  assert.deepEqual(others, [
    { kind: 'started', image },
    { kind: 'layers', image, layers },
    unpacked,
    { kind: 'done', image, imageId: 'id' },
  ]);
  assert.deepEqual(late, [{ kind: 'started', image }, { kind: 'layers', image, layers }, last, unpacked]);
});

test('layers that another pull has unpacked are told at the end, present ones never', () => {
  const events: PullEvent[] = [];
  const progress = new PullProgress([(event) => events.push(event)]);
  progress.start('a');
  progress.begin(layers);
  progress.done('id');
  assert.deepEqual(
    events.filter(({ kind }) => kind === 'unpacked'),
    [{ kind: 'unpacked', image: 'a', layer: 1 }],
  );
});

test('only time in which the source is waited for is silence', async () => {
  const progress = new PullProgress([]);
  assert.equal(progress.silentMs, 0);
  let answer = (_: string): void => {};
  const waited = progress.waitFor(new Promise<string>((resolve) => (answer = resolve)));
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(progress.silentMs > 0);
  answer('x');
  await waited;
  assert.equal(progress.silentMs, 0);
});

test('a reader that stops early closes the source', async () => {
  let closed = false;
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* pieces(5);
    } finally {
      closed = true;
    }
  }
  for await (const chunk of new PullProgress([]).receive(0, source())) {
    assert.equal(chunk.length, 3);
    break;
  }
  assert.ok(closed);
});
