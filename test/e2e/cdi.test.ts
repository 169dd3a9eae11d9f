// What vendors add to containers: devices by CDI, hooks by hooks_dir; under both OCI runtimes.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import { attempt, command } from '../harness/command.ts';
import { runContainer, useDaemon } from '../harness/daemon-suite.ts';
import { removeAllPods } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';

for (const handler of ['runc', 'crun'] as const) {
  describe(`CDI devices and hooks under ${handler}`, { skip: missing(handler) }, () => {
    const { daemon } = useDaemon({ handlers: [handler] }, describeVendor);
    const directory = join(daemon.root, 'cdi');
    const trace = join(daemon.root, 'hook-ran');
    const state = join(daemon.root, 'hook-state');
    const nic = `${daemon.bridge}n`;

    function describeVendor(): void {
      mkdirSync(directory);
      const edits = {
        env: ['VENDOR=present'],
        mounts: [{ hostPath: directory, containerPath: '/vendor', options: ['ro', 'nosuid', 'bind'] }],
        hooks: [{ hookName: 'createRuntime', path: '/bin/sh', args: ['sh', '-c', `echo ran > ${trace}`] }],
      };
      const devices = [
        { name: 'zero', containerEdits: { deviceNodes: [{ path: '/dev/fake', hostPath: '/dev/zero' }] } },
        {
          name: 'pipe',
          containerEdits: { deviceNodes: [{ path: '/dev/pipe', type: 'p', fileMode: 0o620 }] },
        },
        { name: 'nic', containerEdits: { netDevices: [{ hostInterfaceName: nic, name: 'fast0' }] } },
      ];
      const file = { cdiVersion: '1.1.0', kind: 'vendor.test/fake', containerEdits: edits, devices };
      writeFileSync(join(directory, 'fake.json'), JSON.stringify(file), { mode: 0o644 });
      const { configFile } = daemon.paths;
      const hook = {
        version: '1.0.0',
        hook: { path: '/bin/sh', args: ['sh', '-c', `cat > ${state}`] },
        when: { annotations: { '^vendor\\.test/trace$': '^yes$' } },
        stages: ['poststop'],
      };
      mkdirSync(join(daemon.root, 'hooks'));
      writeFileSync(join(daemon.root, 'hooks/trace.json'), JSON.stringify(hook), { mode: 0o644 });
      const directories = `cdi_spec_dirs = ["${directory}"]\nhooks_dir = ["${daemon.root}/hooks"]`;
      const option = `[crio.runtime]\n${directories}\n`;
      writeFileSync(configFile, readFileSync(configFile, 'utf8').replace('[crio.runtime]\n', option));
    }

    async function running(changes: Partial<ContainerConfig>): Promise<string> {
      const linux = { securityContext: { runAsUser: { value: 1000 } } };
      return (await runContainer(daemon, { container: { linux, ...changes } })).containerId;
    }

    test('a node may be a pipe', async () => {
      const id = await running({ CDIDevices: [{ name: 'vendor.test/fake=pipe' }] });
      const cmd = ['stat', '-c', '%F %a %u', '/dev/pipe'];
      const { stdout } = await daemon.client.runtime('ExecSync', { containerId: id, cmd });
      assert.equal(stdout.toString(), 'fifo 620 1000\n');
    });

    test('node, variable, mount and hook are there, for a user who is not root', async () => {
      const id = await running({ CDIDevices: [{ name: 'vendor.test/fake=zero' }] });
      const script = 'head -c 3 /dev/fake | od -An -tx1; echo "$VENDOR"; ls /vendor; touch /vendor/x 2>&1';
      const cmd = ['/bin/sh', '-c', script];
      const { stdout } = await daemon.client.runtime('ExecSync', { containerId: id, cmd });
      const text = stdout.toString();
      assert.match(text, /00 00 00\s+present\s+fake\.json\s/);
      assert.match(text, /Read-only file system|Permission denied/);
      assert.ok(existsSync(trace));
    });

    test('a network interface moves into the pod, or the handler is named whose runtime cannot move it', async () => {
      await command(['ip', 'link', 'add', nic, 'type', 'veth', 'peer', `${daemon.bridge}p`]);
      try {
        const creating = running({ CDIDevices: [{ name: 'vendor.test/fake=nic' }] });
        if (await movesInterfaces()) {
          const cmd = ['ls', '/sys/class/net'];
          const { stdout } = await daemon.client.runtime('ExecSync', { containerId: await creating, cmd });
          assert.match(stdout.toString(), /^fast0$/m);
        } else {
          const details = new RegExp(
            `interface "${nic}", which the OCI runtime of handler "${handler}" cannot`,
          );
          await assert.rejects(creating, { code: status.FAILED_PRECONDITION, details });
        }
      } finally {
        await removeAllPods(daemon.client);
        await attempt(['ip', 'link', 'del', `${daemon.bridge}p`]); // goes with its peer
      }
    });

    /** By the runtime's own word; one that gives none is older than that. */
    async function movesInterfaces(): Promise<boolean> {
      const { stdout } = await attempt([handler, 'features']);
      return /"netDevices":\s*\{\s*"enabled":\s*true/.test(stdout);
    }

    test('an annotation asks for them too', async () => {
      const id = await running({ annotations: { 'cdi.k8s.io/plugin': 'vendor.test/fake=zero' } });
      const cmd = ['test', '-c', '/dev/fake'];
      const { exitCode } = await daemon.client.runtime('ExecSync', { containerId: id, cmd });
      assert.equal(exitCode, 0);
    });

    test('a hook of hooks_dir runs for the container that fits, with its state on stdin', async () => {
      const other = await running({ annotations: { 'vendor.test/trace': 'no' } });
      await daemon.client.runtime('RemoveContainer', { containerId: other });
      assert.ok(!existsSync(state));
      await removeAllPods(daemon.client);
      const id = await running({ annotations: { 'vendor.test/trace': 'yes' } });
      await daemon.client.runtime('RemoveContainer', { containerId: id });
      const { id: stopped, status: last } = JSON.parse(readFileSync(state, 'utf8')) as Record<string, string>;
      assert.deepEqual([stopped, last], [id, 'stopped']);
    });

    test('a device that nobody describes is refused, and nothing is left', async () => {
      const creating = running({ CDIDevices: [{ name: 'vendor.test/fake=none' }] });
      await assert.rejects(creating, {
        code: status.FAILED_PRECONDITION,
        details: /unresolvable CDI devices in .*: "vendor\.test\/fake=none" is not described/,
      });
      assert.deepEqual((await daemon.client.runtime('ListContainers', {})).containers, []);
    });
  });
}
