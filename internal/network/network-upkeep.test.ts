import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  at,
  type Call,
  chain,
  configure,
  names,
  never,
  open,
  paths,
  request,
  takeCalls,
  useStubPlugins,
} from '../../test/fixtures/stub-plugins.ts';

useStubPlugins();

/** Lets a network look after itself until `isDone`; the calls of plugins meanwhile. STATUS is another test's. */
async function callsOfUpkeep(isDone: () => boolean): Promise<Call[]> {
  const network = await open();
  const abort = new AbortController();
  network.maintain(() => true, abort.signal);
  while (!isDone()) await sleep(10);
  abort.abort();
  return takeCalls().filter(({ name }) => !name.endsWith('-STATUS'));
}

const collected = (): boolean => existsSync(join(paths.root, 'collected'));

function markTheEnd(): void {
  at('third', 'GC', `echo > ${paths.root}/collected`);
}

test('GC tells the plugins of version 1.1 all attachments of their network', async () => {
  configure({ ...chain, name: 'other', cniVersion: '1.1.0' });
  await (await open()).attach(request({ sandboxId: 'elsewhere' }), never);
  configure({ ...chain, cniVersion: '1.1.0' });
  const network = await open();
  for (const sandboxId of ['abc123', 'def456']) await network.attach(request({ sandboxId }), never);
  takeCalls();
  markTheEnd();
  const calls = await callsOfUpkeep(collected);
  assert.deepEqual(names(calls), ['first-GC', 'second-GC', 'third-GC']);
  const attachments = calls[0]?.stdin['cni.dev/valid-attachments'] as { containerID: string }[];
  assert.deepEqual(
    attachments.toSorted((one, other) => one.containerID.localeCompare(other.containerID)),
    [
      { containerID: 'abc123', ifname: 'eth0' },
      { containerID: 'def456', ifname: 'eth0' },
    ],
  );
});

test('GC spares what another runtime has attached to the same network', async () => {
  configure({ ...chain, cniVersion: '1.1.0' });
  const network = await open();
  const noted = { kind: 'cniCacheV1', networkName: chain.name, containerId: 'theirs', ifName: 'eth1' };
  mkdirSync(join(paths.root, 'others'));
  writeFileSync(join(paths.root, `others/${chain.name}-theirs-eth1`), JSON.stringify(noted));
  await network.attach(request(), never);
  takeCalls();
  markTheEnd();
  const [call] = await callsOfUpkeep(collected);
  assert.deepEqual(call?.stdin['cni.dev/valid-attachments'], [
    { containerID: 'abc123', ifname: 'eth0' },
    { containerID: 'theirs', ifname: 'eth1' },
  ]);
});

test('GC spares the attachments also with plugins that know the list by its earlier name', async () => {
  configure({ ...chain, cniVersion: '1.1.0' });
  await (await open()).attach(request(), never);
  takeCalls();
  markTheEnd();
  const [call] = await callsOfUpkeep(collected);
  assert.deepEqual(call?.stdin['cni.dev/attachments'], [{ containerID: 'abc123', ifname: 'eth0' }]);
});

test('an attachment that wants to begin waits for the end of GC', async () => {
  configure({ ...chain, cniVersion: '1.1.0' });
  const network = await open();
  const [running, go] = [join(paths.root, 'running'), join(paths.root, 'go')];
  at('third', 'GC', `echo > ${running}; while [ ! -e ${go} ]; do sleep 0.05; done`);
  const abort = new AbortController();
  network.maintain(() => true, abort.signal);
  while (!existsSync(running)) await sleep(10);
  const attaching = network.attach(request(), never);
  await sleep(200); // it has the time to go wrong
  writeFileSync(go, '');
  await attaching;
  abort.abort();
  const calls = names(takeCalls()).filter((name) => !name.endsWith('-STATUS'));
  assert.deepEqual(calls, ['first-GC', 'second-GC', 'third-GC', 'first-ADD', 'second-ADD', 'third-ADD']);
});

test('there is no GC while a record is unreadable', async () => {
  configure({ ...chain, cniVersion: '1.1.0' });
  const logged: string[] = [];
  const warn = (_: object, message: string): void => void logged.push(message);
  await open();
  writeFileSync(join(paths.state, 'requests/abc123.json'), '{"version":1,"netw');
  const network = await open({}, { warn });
  const abort = new AbortController();
  network.maintain(() => true, abort.signal);
  while (!logged.some((message) => message.startsWith('no GC of the pod network'))) await sleep(10);
  abort.abort();
  assert.ok(names(takeCalls()).every((name) => !name.endsWith('-GC')));
});
