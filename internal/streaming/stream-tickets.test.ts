import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasKind } from '../errors/daemon-error.ts';
import { StreamTickets } from './stream-tickets.ts';

test('a token is good once', () => {
  const tickets = new StreamTickets<string>();
  const token = tickets.issue('exec');
  assert.equal(tickets.redeem(token), 'exec');
  assert.equal(tickets.redeem(token), undefined);
  assert.equal(tickets.redeem('never-issued'), undefined);
});

test('a token holds 128 random bits at least, in characters that a path may have', () => {
  const tickets = new StreamTickets<string>();
  const tokens = Array.from({ length: 100 }, () => tickets.issue('exec'));
  assert.equal(new Set(tokens).size, 100);
  for (const token of tokens) {
    assert.match(token, /^[\w-]+$/);
    assert.ok(Buffer.from(token, 'base64url').length * 8 >= 128);
  }
});

test('a token is good for a minute', () => {
  let now = 0;
  const tickets = new StreamTickets<string>(() => now);
  const [early, late] = [tickets.issue('a'), tickets.issue('b')];
  now = 59_999;
  assert.equal(tickets.redeem(early), 'a');
  now = 60_000;
  assert.equal(tickets.redeem(late), undefined);
});

test('1000 wait at most; used and expired ones make room', () => {
  let now = 0;
  const tickets = new StreamTickets<number>(() => now);
  const tokens = Array.from({ length: 1000 }, (_, index) => tickets.issue(index));
  const isFull = (error: unknown): boolean => hasKind(error, 'resource-exhausted');
  assert.throws(() => tickets.issue(1000), isFull);
  assert.equal(tickets.redeem(tokens[500] ?? ''), 500);
  tickets.issue(1000);
  assert.throws(() => tickets.issue(1001), isFull);
  now = 60_000;
  tickets.issue(1001);
  assert.equal(tickets.redeem(tokens[1] ?? ''), undefined);
});
