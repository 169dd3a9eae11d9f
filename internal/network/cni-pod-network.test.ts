import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  allDel,
  at,
  chain,
  configure,
  names,
  never,
  open,
  rejects,
  request,
  takeCalls,
  useStubPlugins,
} from '../../test/fixtures/stub-plugins.ts';

useStubPlugins();

test('check runs CHECK in order with the final result, from version 0.4.0 and when not disabled', async () => {
  const network = await open();
  await rejects(network.check(request(), never), 'failed-precondition', /is not attached/);
  await network.attach(request(), never);
  takeCalls();
  await network.check(request(), never);
  const calls = takeCalls();
  assert.deepEqual(names(calls), ['first-CHECK', 'second-CHECK', 'third-CHECK']);
  assert.ok(calls.every(({ stdin }) => (stdin['prevResult'] as { by: string }).by === 'third'));
  at('second', 'CHECK', `echo '{"code":100,"msg":"route is missing"}'; exit 1`);
  await rejects(
    network.check(request(), never),
    'internal',
    /CHECK of CNI plugin "second" failed: route is missing/,
  );
  for (const changes of [{ cniVersion: '0.3.1' }, { disableCheck: true }]) {
    await network.detach(request(), never);
    configure({ ...chain, ...changes });
    await network.attach(request(), never);
    takeCalls();
    await network.check(request(), never);
    assert.deepEqual(takeCalls(), []);
  }
});

test('operations of one sandbox run one after the other', async () => {
  const network = await open();
  at('first', 'ADD', 'sleep 0.1');
  await Promise.all([network.attach(request(), never), network.detach(request(), never)]);
  assert.deepEqual(names(takeCalls()), ['first-ADD', 'second-ADD', 'third-ADD', ...allDel]);
});
