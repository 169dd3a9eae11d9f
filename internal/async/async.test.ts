import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { allEnded } from './all-ended.ts';
import { KeyedLock } from './keyed-lock.ts';
import { RequestFlight } from './request-flight.ts';
import { withRemains, withRollback } from './rollback.ts';
import { Semaphore } from './semaphore.ts';
import { SingleFlight } from './single-flight.ts';

const never = new AbortController().signal;

test('withRollback undoes newest first, goes on after a failed undo, and rethrows the first error', async () => {
  const undone: string[] = [];
  const failed: string[] = [];
  const run = withRollback(
    (step) => failed.push(step),
    async (rollback) => {
      rollback('a', () => void undone.push('a'));
      rollback('b', () => Promise.reject(new Error('undo of b')));
      rollback('c', () => void undone.push('c'));
      throw new Error('step d');
    },
  );
  await assert.rejects(run, /step d/);
  assert.deepEqual({ undone, failed }, { undone: ['c', 'a'], failed: ['b'] });
});

test('withRemains forgets what was undone, and keeps what could not be, last of all', async () => {
  const run = async (unmount: () => void, forgetting = (): void => {}): Promise<string[]> => {
    const done: string[] = [];
    const forget = (): void => {
      forgetting();
      done.push('forget');
    };
    const remains = { forget, keep: () => void done.push('keep') };
    const work = withRemains(
      remains,
      (step) => done.push(`failed: ${step}`),
      async (rollback) => {
        rollback('remove', () => void done.push('remove'));
        rollback('unmount', unmount);
        throw new Error('the work');
      },
    );
    await assert.rejects(work, /the work/);
    return done;
  };
  assert.deepEqual(await run(() => {}), ['remove', 'forget']);
  const busy = (): never => {
    throw new Error('busy');
  };
  assert.deepEqual(await run(busy), ['failed: unmount', 'remove', 'keep']);
  // Else nobody could remove what is left, and the name would stay taken.
  assert.deepEqual(await run(() => {}, busy), ['remove', 'failed: forget', 'keep']);
});

test('KeyedLock keeps the order of one key and does not hold up another', async () => {
  const lock = new KeyedLock();
  const seen: string[] = [];
  const slow = lock.run('x', async () => {
    await sleep(20);
    seen.push('x1');
    throw new Error('x1 failed');
  });
  const next = lock.run('x', async () => void seen.push('x2'));
  await lock.run('y', async () => void seen.push('y'));
  await assert.rejects(slow, /x1 failed/);
  await next;
  assert.deepEqual(seen, ['y', 'x1', 'x2']);
});

test('SingleFlight joins callers; one that gives up does not stop the others', async () => {
  const flights = new SingleFlight<number>();
  let runs = 0;
  const work = async (): Promise<number> => {
    runs += 1;
    await sleep(20);
    return 7;
  };
  const impatient = new AbortController();
  const first = flights.run('k', work, impatient.signal);
  const second = flights.run('k', work, never);
  impatient.abort(new Error('gave up'));
  await assert.rejects(first, /gave up/);
  assert.equal(await second, 7);
  assert.equal(runs, 1);
  assert.equal(flights.has('k'), false);
});

test('RequestFlight joins equal requests and refuses another one of the same name', async () => {
  const flights = new RequestFlight<string>('sandbox name');
  let finish = (): void => {};
  const work = (): Promise<string> => new Promise((resolve) => (finish = () => resolve('id')));
  const first = flights.run('a', { image: 'x' }, work, never);
  const second = flights.run('a', { image: 'x' }, work, never);
  await assert.rejects(
    flights.run('a', { image: 'y' }, work, never),
    /sandbox name "a" is in work with another/,
  );
  finish();
  assert.deepEqual(await Promise.all([first, second]), ['id', 'id']);
});

test('Semaphore bounds what runs at once and gives an aborted waiter’s place away', async () => {
  const places = new Semaphore(1);
  const order: string[] = [];
  const first = places.run(async () => {
    await sleep(20);
    order.push('first');
  }, never);
  const gone = new AbortController();
  const aborted = places.run(async () => void order.push('aborted'), gone.signal);
  const last = places.run(async () => void order.push('last'), never);
  gone.abort(new Error('left'));
  await assert.rejects(aborted, /left/);
  await Promise.all([first, last]);
  assert.deepEqual(order, ['first', 'last']);
});

test('a lent place serves others, and is waited for again', async () => {
  const places = new Semaphore(1);
  const order: string[] = [];
  let answer = (): void => {};
  const slow = new Promise<void>((resolve) => (answer = resolve));
  const lender = places.run(async (place) => {
    order.push('lends');
    await place.lend(slow);
    order.push('has it again');
  }, never);
  await places.run(async () => {
    order.push('other');
    answer();
    await sleep(10);
    order.push('other ends');
  }, never);
  await lender;
  assert.deepEqual(order, ['lends', 'other', 'other ends', 'has it again']);

  const gone = new AbortController();
  const failing = places.run(
    (place) => place.lend(slow.then(() => gone.abort(new Error('left')))),
    gone.signal,
  );
  await assert.rejects(failing, /left/);
  await places.run(async () => void order.push('still one place'), never);
  assert.equal(order.at(-1), 'still one place');
});

test('allEnded waits for every step, also after one has failed', async () => {
  const order: string[] = [];
  const slow = async (name: string, ms: number): Promise<string> => {
    await sleep(ms);
    order.push(name);
    return name;
  };
  assert.deepEqual(await allEnded([slow('a', 10), 'b', undefined]), ['a', 'b', undefined]);
  await assert.rejects(
    allEnded([slow('last', 20), Promise.reject(new Error('failed early'))]),
    /failed early/,
  );
  assert.deepEqual(order, ['a', 'last']);
});
