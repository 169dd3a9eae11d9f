// Pods with a user namespace of their own: whose files are whose, inside, on the disk and in volumes; and what is refused.

import assert from 'node:assert/strict';
import { chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import type { Mount } from '../../internal/cri/gen/runtime/v1/Mount.ts';
import type { NamespaceOption } from '../../internal/cri/gen/runtime/v1/NamespaceOption.ts';
import type { PodSandboxConfig } from '../../internal/cri/gen/runtime/v1/PodSandboxConfig.ts';
import { busybox } from '../harness/daemon.ts';
import { saidIn, useDaemon } from '../harness/daemon-suite.ts';
import { Podman } from '../harness/podman.ts';
import { podConfig } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';
import { assertWorld, settledWorld } from '../harness/world.ts';

/** Not a multiple of 65536: the kubelet's are, but nothing needs it. */
const first = 200_100;
const second = 300_000;

function namespacesFrom(hostId: number, rest: NamespaceOption = {}): NamespaceOption {
  const mapping = [{ containerId: 0, hostId, length: 65_536 }];
  const usernsOptions = { mode: 'POD', uids: mapping, gids: mapping } as const;
  return { network: 'POD', pid: 'CONTAINER', ipc: 'POD', usernsOptions, ...rest };
}

const idsOf = (path: string): number[] => {
  const { uid, gid } = statSync(path);
  return [uid, gid];
};

for (const handler of ['runc', 'crun'] as const) {
  describe(`user namespaces under ${handler}`, { skip: missing(handler) }, () => {
    const options = { handlers: [handler], runtimeToml: 'default_mounts_file = "@MOUNTS@"' };
    const { daemon, assertUntouched } = useDaemon(options, describeMounts);

    function describeMounts(): void {
      const { configFile } = daemon.paths;
      const mounts = join(daemon.root, 'mounts.conf');
      const key = join(daemon.root, 'key');
      writeFileSync(key, 'of the node\n', { mode: 0o600 });
      writeFileSync(mounts, `${key}:/run/key\n`);
      writeFileSync(configFile, readFileSync(configFile, 'utf8').replace('@MOUNTS@', mounts));
    }

    function podOf(name: string, namespaceOptions: NamespaceOption): PodSandboxConfig {
      const plain = podConfig(daemon.pod(name));
      return { ...plain, linux: { ...plain.linux, securityContext: { namespaceOptions } } };
    }

    async function runPod(name: string, options: NamespaceOption): Promise<string> {
      const config = podOf(name, options);
      return (await daemon.client.runtime('RunPodSandbox', { config })).podSandboxId;
    }

    async function create(
      podSandboxId: string,
      options: NamespaceOption,
      changes: Partial<ContainerConfig> = {},
    ): Promise<string> {
      const config = {
        metadata: { name: 'main', attempt: 0 },
        image: { image: busybox },
        command: ['sleep', '1000'],
        linux: { securityContext: { namespaceOptions: options } },
        ...changes,
      };
      const sandboxConfig = podOf('any', options);
      return (await daemon.client.runtime('CreateContainer', { podSandboxId, config, sandboxConfig }))
        .containerId;
    }

    async function running(...request: Parameters<typeof create>): Promise<string> {
      const containerId = await create(...request);
      await daemon.client.runtime('StartContainer', { containerId });
      return containerId;
    }

    const output = (containerId: string, script: string) => saidIn(daemon, containerId, script);

    function volume(name: string, containerPath: string, hostId: number, rest: Mount = {}): Mount {
      const hostPath = join(daemon.root, name);
      const mapping = [{ containerId: 0, hostId, length: 65_536 }];
      return { hostPath, containerPath, uidMappings: mapping, gidMappings: mapping, ...rest };
    }

    /** The one layer of a container that has this file. */
    function onDisk(file: string): string {
      const home = join(daemon.paths.storageRoot, 'overlay');
      const found = readdirSync(home).filter((layer) =>
        statSync(join(home, layer, 'diff', file), { throwIfNoEntry: false })?.isFile(),
      );
      assert.equal(found.length, 1, `${found.length} layers have ${file}`);
      return join(home, found[0] ?? '', 'diff', file);
    }

    test('a user whom the image does not know has a line in account files of the pod’s root', async () => {
      const options = namespacesFrom(first);
      const podSandboxId = await runPod('unknown', options);
      const securityContext = { namespaceOptions: options, runAsUser: { value: 4242 } };
      const id = await running(podSandboxId, options, { linux: { securityContext } });
      assert.equal(await output(id, 'whoami; stat -c "%u:%g %a" /etc/passwd'), '4242\n0:0 644\n');
    });

    test('the ids of files: inside, in volumes, and on the disk', async () => {
      const options = namespacesFrom(first);
      const data = join(daemon.root, 'data');
      mkdirSync(join(data, 'theirs'), { recursive: true });
      chownSync(join(data, 'theirs'), 7, 8);
      writeFileSync(join(daemon.root, 'message'), '');
      const podSandboxId = await runPod('ids', options);
      const id = await running(podSandboxId, options, {
        mounts: [
          volume('data', '/data', first),
          volume('data', '/kept', first, { readonly: true, recursiveReadOnly: true }),
          volume('message', '/dev/termination-log', first),
          { containerPath: '/image', image: { image: busybox }, readonly: true },
        ],
      });
      const words = (await output(id, 'cat /proc/self/uid_map')).trim().split(/\s+/);
      assert.deepEqual(words, ['0', String(first), '65536']);
      const owners =
        'stat -c "%u:%g %n" / /bin/sh /data /data/theirs /image/bin /etc/resolv.conf /dev/shm /run/key';
      assert.equal(
        await output(id, owners),
        '0:0 /\n0:0 /bin/sh\n0:0 /data\n7:8 /data/theirs\n0:0 /image/bin\n0:0 /etc/resolv.conf\n0:0 /dev/shm\n0:0 /run/key\n',
      );
      assert.equal(await output(id, 'cat /run/key; echo mine > /run/key'), 'of the node\n');
      assert.equal(readFileSync(join(daemon.root, 'key'), 'utf8'), 'of the node\n');
      const writing =
        'echo x | tee /new /data/new /dev/shm/new /etc/resolv.conf /dev/termination-log; chown 5:6 /new';
      assert.equal(await output(id, writing), 'x\n');
      assert.match(await output(id, 'touch /kept/new'), /Read-only file system/);
      assert.match(await output(id, 'touch /image/new'), /Read-only file system/);
      assert.equal(await output(id, 'echo err >/dev/stderr; echo out >/dev/stdout'), 'out\nerr\n');
      assert.deepEqual(idsOf(join(data, 'new')), [0, 0]);
      assert.deepEqual(idsOf(join(daemon.root, 'message')), [0, 0]);
      assert.deepEqual(idsOf(onDisk('new')), [first + 5, first + 6]);
      assert.ok(idsOf('/dev/null').every((id) => id < first)); // crun gives a container its stdin
      const { status: sandbox } = await daemon.client.runtime('PodSandboxStatus', { podSandboxId });
      assert.deepEqual(sandbox?.linux?.namespaces?.options?.usernsOptions, options.usernsOptions);
      const { status: container } = await daemon.client.runtime('ContainerStatus', { containerId: id });
      assert.deepEqual(container?.mounts[0]?.uidMappings, options.usernsOptions?.uids);
      const all = await new Podman(daemon).run('ps', '--all', '--external', '--format', '{{.ID}}');
      assert.ok(all.includes(id.slice(0, 12)), all);
    });

    test('two pods of different ranges share a volume, and no id on the host', async () => {
      mkdirSync(join(daemon.root, 'shared'));
      const ids: string[] = [];
      for (const hostId of [first, second]) {
        const options = namespacesFrom(hostId);
        const mounts = [volume('shared', '/shared', hostId)];
        ids.push(await running(await runPod(`pod-${hostId}`, options), options, { mounts }));
      }
      const [one = '', two = ''] = ids;
      await output(one, 'touch /shared/file; chown 5 /shared/file');
      assert.equal(await output(two, 'stat -c %u /shared/file'), '5\n');
      const owners: (string | undefined)[] = [];
      for (const containerId of ids) {
        const { info } = await daemon.client.runtime('ContainerStatus', { containerId, verbose: true });
        const { pid } = JSON.parse(info['info'] ?? '{}') as { pid: number };
        owners.push(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
      }
      assert.deepEqual(owners, [String(first), String(second)]);
    });

    test('a shared and a target pid namespace, a restart of the daemon, and a user who is not root', async () => {
      const options = namespacesFrom(first, { pid: 'POD' });
      const podSandboxId = await runPod('pids', options);
      const shared = await running(podSandboxId, options);
      assert.equal(await output(shared, 'cat /proc/1/comm'), 'pause\n');
      await daemon.restart();
      assert.equal(await output(shared, 'id -u'), '0\n');
      const own = await running(podSandboxId, namespacesFrom(first), {
        metadata: { name: 'own' },
        command: ['sleep', '1001'],
      });
      const target = namespacesFrom(first, { pid: 'TARGET', targetId: own });
      const namespaceOptions = { ...target };
      const debug = await running(podSandboxId, target, {
        metadata: { name: 'debug' },
        linux: { securityContext: { namespaceOptions, runAsUser: { value: '1000' } } },
      });
      const seen = () => output(debug, 'tr "\\0" " " </proc/1/cmdline; id -u; echo >/dev/stderr');
      await until('the target is what it runs', async () => (await seen()) === 'sleep 1001 1000\n\n');
      assert.ok(idsOf('/dev/null').every((id) => id < first)); // crun gives a container its stdin
    });

    test('what cannot be is refused with the reason, and leaves nothing', async () => {
      const refused = async (call: Promise<unknown>, code: status, details: RegExp): Promise<void> => {
        await assert.rejects(call, { code, details });
      };
      for (const name of ['network', 'pid', 'ipc'] as const) {
        const options = namespacesFrom(first, { [name]: 'NODE' });
        await refused(
          runPod('no', options),
          status.INVALID_ARGUMENT,
          new RegExp(`the host's ${name} namespace`),
        );
      }
      await assertUntouched();
      const options = namespacesFrom(first);
      const podSandboxId = await runPod('yes', options);
      const before = await settledWorld(daemon);
      mkdirSync(join(daemon.root, 'good'), { recursive: true });
      const cases: readonly (readonly [NamespaceOption, Partial<ContainerConfig>, status, RegExp])[] = [
        [namespacesFrom(second), {}, status.INVALID_ARGUMENT, /another user namespace than its sandbox/],
        [
          options,
          { mounts: [volume('good', '/good', first), volume('good', '/bad', second)] },
          status.INVALID_ARGUMENT,
          /mount at "\/bad": its id mappings are not those of the pod/,
        ],
        [
          options,
          { mounts: [volume('good', '/good', first), volume('x', '/bad', first, { hostPath: '/proc/sys' })] },
          status.FAILED_PRECONDITION,
          /mount at "\/bad" of "\/proc\/sys": its file system cannot map ids/,
        ],
        [
          options,
          { linux: { securityContext: { namespaceOptions: options, runAsUser: { value: '65536' } } } },
          status.INVALID_ARGUMENT,
          /user id 65536 is not among the 65536 ids/,
        ],
        [options, { command: ['/no/such/program'] }, status.UNKNOWN, /\/no\/such\/program/],
      ];
      for (const [namespaces, changes, code, details] of cases) {
        await refused(create(podSandboxId, namespaces, changes), code, details);
        await assertWorld(daemon, before);
      }
    });
  });
}
