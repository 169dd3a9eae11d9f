import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from './id.ts';
import { RecordStore } from './record-store.ts';

const [first, second] = [`ab${'0'.repeat(62)}`, `ab1${'0'.repeat(61)}`];

test('RecordStore finds by id and unique prefix, and tells an ambiguous prefix', () => {
  const store = new RecordStore('container');
  store.add({ id: first, name: 'one' });
  store.add({ id: second, name: 'two' });
  assert.equal(store.find(first)?.name, 'one');
  assert.equal(store.find('ab1')?.name, 'two');
  assert.throws(() => store.find('ab'), { kind: 'invalid-argument' });
  assert.equal(store.find('cd'), undefined);
  assert.equal(store.find(''), undefined);
  assert.equal(store.find('one'), undefined);
  assert.throws(() => store.get('cd'), { kind: 'not-found', message: 'container "cd" not found' });
});

test('RecordStore keeps a name for one id until it is released or its record deleted', () => {
  const store = new RecordStore('sandbox');
  store.reserve('pod', first);
  assert.throws(() => store.reserve('pod', second), /is being created as "ab0/);
  store.release('pod', second); // not its owner
  assert.throws(() => store.reserve('pod', second), { kind: 'already-exists' });
  const record = { id: first, name: 'pod' };
  store.add(record);
  assert.equal(store.byName('pod'), record);
  assert.throws(() => store.reserve('pod', second), /is used by "ab0/);
  store.delete(record);
  store.reserve('pod', second);
  assert.equal(store.byName('pod'), undefined);
  assert.deepEqual(store.list(), []);
});

test('newId gives 64 hex digits', () => {
  assert.match(newId(), /^[0-9a-f]{64}$/);
});
