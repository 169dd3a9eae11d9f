// `npm run test:cluster`: kubectl, an API server, a kubelet and the built daemon. Each of the files beside this one has the
// tests of one verb or two; they share one cluster, so that they are one run.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findProgram } from '../harness/command.ts';
import { assertWorld, settledWorld, type World } from '../harness/world.ts';
import { testAttach } from './attach.ts';
import { ClusterWorld, type Node } from './cluster-world.ts';
import { testCopy } from './copy.ts';
import { testDebug } from './debug.ts';
import { testDisturbances } from './disturbances.ts';
import { testExec } from './exec.ts';
import { Kubectl } from './kubectl.ts';
import { testLogs } from './logs.ts';
import { testPods } from './pods.ts';
import { testPortForward } from './port-forward.ts';
import { testTerminals } from './terminals.ts';

const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));
const runtime = process.env['CRIA_TEST_RUNTIME'] ?? 'runc';
const world = new ClusterWorld({
  handlers: [runtime],
  moreHandlers: [{ name: 'second', path: findProgram(runtime) ?? runtime }],
});

async function end(): Promise<void> {
  world.keepLogs(process.env['CRIA_TEST_LOGS'] ?? join(projectRoot, 'dist/test-logs'));
  await world.destroy();
}

for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => void end().finally(() => process.exit(130)));

// A test that hangs must not keep the others from being cleared away.
const limits = { timeout: 240_000 };

let empty: World;

before(async () => {
  await world.start();
  empty = await settledWorld(world.daemon);
});
after(end);

test('the node becomes ready and names its runtime', async () => {
  await Kubectl.websocket.run('wait', '--for=condition=Ready', 'node/node1', '--timeout=30s');
  const node = await world.api.object<Node>('/api/v1/nodes/node1');
  assert.match(node?.status.nodeInfo.containerRuntimeVersion ?? '', /^cria:\/\/\d+\.\d+\.\d+/);
});

describe('kubectl exec', limits, () => testExec(world));
describe('kubectl exec -it', limits, () => testTerminals(world));
describe('kubectl attach', limits, () => testAttach(world));
describe('kubectl port-forward', limits, () => testPortForward(world));
describe('kubectl cp', limits, () => testCopy(world));
describe('kubectl logs', limits, () => testLogs(world));
describe('kubectl debug', limits, () => testDebug(world));
describe('pods', limits, () => testPods(world));
describe('disturbances', limits, () => testDisturbances(world));

// The kubelet removes sandboxes once in a minute.
test('when all pods are deleted nothing of them is left', async () => {
  await Kubectl.websocket.run('delete', 'pods', '--all', '--grace-period=2', '--wait');
  await assertWorld(world.daemon, empty);
});
