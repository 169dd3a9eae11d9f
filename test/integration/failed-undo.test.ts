// What a step that fails does leave, where it must: records of what could not be undone, limits, and an exit with its reason.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { missing } from '../harness/requirements.ts';
import { container, kinds, namespaceOptions, useFailingSteps } from './failing-steps.ts';

suite('a failed step leaves what is told', { skip: missing('runc') }, () => {
  const failing = useFailingSteps();

  test('what cannot be undone stays listed, and a later remove takes it away', async () => {
    const before = await failing.settled();
    // The infra container is made beside the network: only when the attach itself fails is it known to have been done.
    failing.plan.arm('network.attach', 'done, then failed');
    failing.plan.brokenUndo.add('network.detach');
    await assert.rejects(
      failing.runSandbox(failing.sandbox('stuck')),
      /planned failure after network.attach/,
    );
    const { items } = await failing.client.runtime('ListPodSandbox', {});
    assert.deepEqual(
      items.map(({ state }) => state),
      ['SANDBOX_NOTREADY'],
    );
    const podSandboxId = items[0]?.id ?? '';
    await assert.rejects(failing.client.runtime('RemovePodSandbox', { podSandboxId }), /network.detach/);
    failing.plan.brokenUndo.clear();
    await failing.client.runtime('RemovePodSandbox', { podSandboxId });
    await failing.assertWorld(before);

    failing.plan.arm(-1, 'not done');
    const sandbox = failing.sandbox('parent-of-stuck');
    const parentId = await failing.runSandbox(sandbox);
    failing.plan.arm('layers.mount', 'done, then failed');
    failing.plan.brokenUndo.add('layers.unmount');
    const created = failing.create(parentId, sandbox, container());
    await assert.rejects(created, /planned failure after layers.mount/);
    const { containers } = await failing.client.runtime('ListContainers', {});
    assert.deepEqual(
      containers.map(({ state }) => state),
      ['CONTAINER_EXITED'],
    );
    failing.plan.brokenUndo.clear();
    await failing.client.runtime('RemovePodSandbox', { podSandboxId: parentId });
    await failing.assertWorld(before);
  });

  test('UpdateContainerResources that fails after the runtime has changed something: the limits are as before', async () => {
    const sandbox = failing.sandbox('update');
    const podSandboxId = await failing.runSandbox(sandbox);
    const resources = { cpuShares: 512, memoryLimitInBytes: 64 * 1024 * 1024 };
    const config = container({ linux: { resources, securityContext: { namespaceOptions } } });
    const containerId = await failing.create(podSandboxId, sandbox, config);
    const linux = { cpuShares: 300, memoryLimitInBytes: 32 * 1024 * 1024 };
    for (const kind of kinds) {
      failing.plan.arm(0, kind); // the first update; what takes it back must not fail
      await assert.rejects(
        failing.client.runtime('UpdateContainerResources', { containerId, linux }),
        /planned failure .*runtime\.update/,
      );
      const { status } = await failing.client.runtime('ContainerStatus', { containerId });
      assert.equal(status?.resources?.linux?.cpuShares, '512');
      const { stats } = await failing.client.runtime('ContainerStats', { containerId });
      const { availableBytes, workingSetBytes } = stats?.memory ?? {};
      assert.equal(
        BigInt(availableBytes?.value ?? 0) + BigInt(workingSetBytes?.value ?? 0),
        64n * 1024n * 1024n,
      );
    }
  });

  test('StartContainer that fails leaves an exited container with the reason, which can be removed', async () => {
    const before = await failing.settled();
    const sandbox = failing.sandbox('start');
    const podSandboxId = await failing.runSandbox(sandbox);
    const containerId = await failing.create(podSandboxId, sandbox, container());
    failing.plan.arm('runtime.start', 'not done');
    await assert.rejects(
      failing.client.runtime('StartContainer', { containerId }),
      /planned failure of runtime.start/,
    );
    failing.plan.arm(-1, 'not done');
    await failing.client.runtime('StopContainer', { containerId, timeout: 5 });
    const { status } = await failing.client.runtime('ContainerStatus', { containerId });
    assert.deepEqual(
      [status?.state, status?.exitCode, status?.reason],
      ['CONTAINER_EXITED', 128, 'StartError'],
    );
    await failing.client.runtime('RemovePodSandbox', { podSandboxId });
    await failing.assertWorld(before);
  });
});
