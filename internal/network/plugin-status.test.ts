import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  always,
  at,
  chain,
  names,
  never,
  paths,
  takeCalls,
  useStubPlugins,
} from '../../test/fixtures/stub-plugins.ts';
import { nodeCommandRunner } from '../../test/harness/node-command-runner.ts';
import { parseNetwork } from './cni-config.ts';
import { PluginRunner } from './cni-plugin.ts';
import { PluginStatus } from './plugin-status.ts';

useStubPlugins();

const network = parseNetwork(JSON.stringify({ ...chain, cniVersion: '1.1.0' }));
const away = `echo '{"code":50,"msg":"the agent is away"}'; exit 1`;
const awayText = /^network "pods": STATUS of CNI plugin "second" failed: the agent is away \(code 50\)/;

function statusOf(graceMs: number, timeoutMs = 60_000): PluginStatus {
  return new PluginStatus(new PluginRunner(nodeCommandRunner, [paths.plugins]), { graceMs, timeoutMs });
}

test('a network is good when all its plugins say so; until then it is not', async () => {
  const status = statusOf(0);
  assert.match(status.problemOf(network) ?? '', /have not answered STATUS yet/);
  await status.ask(network, never);
  assert.equal(status.problemOf(network), undefined);
  const calls = takeCalls();
  assert.deepEqual(names(calls), ['first-STATUS', 'second-STATUS', 'third-STATUS']);
  assert.deepEqual(calls[0]?.stdin, { type: 'first', mtu: 1400, name: 'pods', cniVersion: '1.1.0' });
  assert.deepEqual(
    Object.keys(calls[0]?.env ?? {})
      .filter((key) => key.startsWith('CNI_'))
      .sort(),
    ['CNI_COMMAND', 'CNI_PATH'],
  );
  at('second', 'STATUS', away);
  await status.ask(network, never);
  assert.match(status.problemOf(network) ?? '', awayText);
  always('second', 'STATUS');
  await status.ask(network, never);
  assert.equal(status.problemOf(network), undefined);
});

test('the grace period is for networks that were good', async () => {
  const status = statusOf(3_600_000);
  at('second', 'STATUS', away);
  await status.ask(network, never);
  assert.match(status.problemOf(network) ?? '', awayText);
  always('second', 'STATUS');
  await status.ask(network, never);
  at('second', 'STATUS', away);
  await status.ask(network, never);
  assert.equal(status.problemOf(network), undefined);
  const changed = parseNetwork(JSON.stringify({ ...chain, cniVersion: '1.1.0', new: true }));
  await status.ask(changed, never);
  assert.match(status.problemOf(changed) ?? '', awayText);
});

test('one hang of a good network is tolerated, a second is not', async () => {
  const status = statusOf(0, 2000);
  await status.ask(network, never);
  assert.equal(status.problemOf(network), undefined);
  at('third', 'STATUS', 'sleep 600');
  await status.ask(network, never);
  assert.equal(status.problemOf(network), undefined);
  await status.ask(network, never);
  assert.match(status.problemOf(network) ?? '', /STATUS of CNI plugin "third" did not end in time/);
});

test('plugins of older versions are not asked', async () => {
  const old = parseNetwork(JSON.stringify(chain));
  const status = statusOf(0);
  assert.equal(status.problemOf(old), undefined);
  await status.ask(old, never);
  assert.deepEqual(takeCalls(), []);
});
