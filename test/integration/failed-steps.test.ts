// Every step of RunPodSandbox and CreateContainer fails in turn, and nothing may be left: no process, mount, namespace,
// cgroup, address, record or directory.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { suite, test } from 'node:test';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import { busybox } from '../harness/daemon.ts';
import { missing } from '../harness/requirements.ts';
import { container, namespaceOptions, useFailingSteps } from './failing-steps.ts';

const impossible: readonly (readonly [Partial<ContainerConfig>, RegExp])[] = [
  [{ image: { image: 'localhost/none:none' } }, /NOT_FOUND.*localhost\/none:none/],
  [{ command: ['/no/such/program'] }, /\/no\/such\/program/],
  [{ logPath: '../escape.log' }, /INVALID_ARGUMENT.*escape\.log/],
  [{ devices: [{ hostPath: '/dev/none', containerPath: '/dev/none', permissions: 'rwm' }] }, /\/dev\/none/],
  [
    { linux: { securityContext: { namespaceOptions, runAsUsername: 'nobody-of-that-name' } } },
    /nobody-of-that-name/,
  ],
  [
    {
      linux: {
        securityContext: {
          namespaceOptions,
          seccomp: { profileType: 'Localhost', localhostRef: '/no/profile.json' },
        },
      },
    },
    /\/no\/profile\.json/,
  ],
  [{ mounts: [{ hostPath: '/dev/null/x', containerPath: '/x' }] }, /\/dev\/null\/x/],
  [{ linux: { resources: { memoryLimitInBytes: 4096 }, securityContext: { namespaceOptions } } }, /memory/i],
];

suite('a failed step leaves nothing', { skip: missing('runc') }, () => {
  const failing = useFailingSteps();

  test('RunPodSandbox, each step in both ways', async () => {
    const run = (): Promise<string> => failing.runSandbox(failing.sandbox('steps'));
    const { steps, result: podSandboxId } = await failing.stepsOf(run);
    await failing.client.runtime('RemovePodSandbox', { podSandboxId });
    assert.deepEqual(steps, [
      'selinux.podLabels',
      'namespaces.pin',
      'selinux.relabel', // resolv.conf
      'selinux.relabel', // hostname
      'network.attach',
      'selinux.containerLabels', // of the infra container
      'places.make',
      'monitors.create',
      'runtime.start',
    ]);
    const empty = await failing.settled();
    assert.deepEqual(empty.records, []);
    await failing.eachFailsWithoutTrace(steps, empty, run);
    // The name is free again.
    await failing.client.runtime('RemovePodSandbox', { podSandboxId: await run() });
  });

  test('CreateContainer, each step in both ways, and by requests that cannot work', async () => {
    const sandbox = failing.sandbox('parent');
    const podSandboxId = await failing.runSandbox(sandbox);
    const create = (config: ContainerConfig): Promise<string> =>
      failing.create(podSandboxId, sandbox, config);
    const clean = await failing.settled();
    const whole = container({
      mounts: [{ image: { image: busybox }, containerPath: '/volume', readonly: true }],
      CDIDevices: [{ name: 'vendor.test/fake=zero' }],
    });
    const { steps, result: containerId } = await failing.stepsOf(() => create(whole));
    assert.equal(failing.linkedLogs().length, 1);
    await failing.client.runtime('RemoveContainer', { containerId });
    await failing.assertWorld(clean);
    assert.deepEqual(steps, [
      'images.config',
      'images.admit',
      'images.admit', // of the volume's image
      'selinux.containerLabels',
      'layers.create',
      'layers.mount',
      'layers.create',
      'layers.mount',
      'hooks.read',
      'cdi.resolve',
      'places.make',
      'monitors.create',
    ]);
    await failing.eachFailsWithoutTrace(steps, clean, () => create(whole));
    for (const [changes, expected] of impossible)
      await failing.failsWithoutTrace(clean, () => create(container(changes)), expected);
  });

  test('both in a user namespace, each step in both ways', async () => {
    const mapping = [{ containerId: 0, hostId: 200_000, length: 65_536 }];
    const usernsOptions = { mode: 'POD', uids: mapping, gids: mapping } as const;
    const securityContext = { namespaceOptions: { ...namespaceOptions, usernsOptions } };
    const plain = failing.sandbox('mapped');
    const sandbox = { ...plain, linux: { ...plain.linux, securityContext } };
    const hostPath = `${failing.territory.root}/volume`;
    mkdirSync(hostPath);
    const config = container({
      mounts: [
        { hostPath, containerPath: '/volume', uidMappings: mapping, gidMappings: mapping },
        { containerPath: '/image', image: { image: busybox }, readonly: true },
      ],
      linux: { securityContext },
    });
    const empty = await failing.settled();
    const run = (): Promise<string> => failing.runSandbox(sandbox);
    const { steps: podSteps, result: podSandboxId } = await failing.stepsOf(run);
    const clean = await failing.settled();
    const create = (): Promise<string> => failing.create(podSandboxId, sandbox, config);
    const { steps, result: containerId } = await failing.stepsOf(create);
    await failing.client.runtime('RemoveContainer', { containerId });
    await failing.assertWorld(clean);
    await failing.eachFailsWithoutTrace(steps, clean, create);
    await failing.client.runtime('RemovePodSandbox', { podSandboxId });
    await failing.eachFailsWithoutTrace(podSteps, empty, run);
    await failing.client.runtime('RemovePodSandbox', { podSandboxId: await run() });
    await failing.assertWorld(empty);
  });

  test('a log directory that is a link to elsewhere is refused', async () => {
    const sandbox = failing.sandbox('linked-log');
    const podSandboxId = await failing.runSandbox(sandbox);
    const clean = await failing.settled();
    const { logDirectory } = failing.territory.pod('linked-log');
    mkdirSync(logDirectory, { recursive: true });
    symlinkSync('/var/tmp', `${logDirectory}/main`);
    const create = (): Promise<string> =>
      failing.create(podSandboxId, sandbox, container({ logPath: 'main/0.log' }));
    await failing.failsWithoutTrace(clean, create, /FAILED_PRECONDITION.*symbolic link/);
    assert.equal(existsSync('/var/tmp/0.log'), false);
  });
});
