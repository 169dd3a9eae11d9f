// `npm run test:cluster`: kubectl, an API server, a kubelet and the built daemon. Each of the files beside this one has the
// tests of one verb or two; they share one cluster, so that they are one run.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { testAttach } from './attach.ts';
import { ClusterWorld, type Node } from './cluster-world.ts';
import { testExec } from './exec.ts';
import { Kubectl } from './kubectl.ts';
import { testTerminals } from './terminals.ts';

const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));
const world = new ClusterWorld({ handlers: [process.env['CRIA_TEST_RUNTIME'] ?? 'runc'] });

async function end(): Promise<void> {
  world.keepLogs(process.env['CRIA_TEST_LOGS'] ?? join(projectRoot, 'dist/test-logs'));
  await world.destroy();
}

for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => void end().finally(() => process.exit(130)));

before(() => world.start());
after(end);

test('the node becomes ready and names its runtime', async () => {
  await Kubectl.websocket.run('wait', '--for=condition=Ready', 'node/node1', '--timeout=30s');
  const node = await world.api.object<Node>('/api/v1/nodes/node1');
  assert.match(node?.status.nodeInfo.containerRuntimeVersion ?? '', /^cria:\/\/\d+\.\d+\.\d+/);
});

describe('kubectl exec', () => testExec(world));
describe('kubectl exec -it', () => testTerminals(world));
describe('kubectl attach', () => testAttach(world));
