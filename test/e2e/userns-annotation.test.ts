// Pods that get a user namespace by CRI-O's annotation: which ids the node chooses for them, and whose those are not.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { LinuxContainerSecurityContext } from '../../internal/cri/gen/runtime/v1/LinuxContainerSecurityContext.ts';
import type { LinuxSandboxSecurityContext } from '../../internal/cri/gen/runtime/v1/LinuxSandboxSecurityContext.ts';
import type { Mount } from '../../internal/cri/gen/runtime/v1/Mount.ts';
import { findProgram } from '../harness/command.ts';
import { busybox } from '../harness/daemon.ts';
import { runContainer, saidIn, useDaemon } from '../harness/daemon-suite.ts';
import { Podman } from '../harness/podman.ts';
import { podConfig } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { setSubordinateIds } from '../harness/subordinate-ids.ts';

const name = 'userns-mode.crio.io';
const firstUid = 3_000_000_000;
const firstGid = 3_100_000_000;
const size = 65_536;
const room = 3 * size;
/** As the kubelet sends them for every pod that does not say `hostUsers: false`. */
const plain = { network: 'POD', pid: 'CONTAINER', ipc: 'POD', usernsOptions: { mode: 'NODE' } } as const;

for (const runtime of ['runc', 'crun'] as const) {
  describe(`the annotation for user namespaces under ${runtime}`, { skip: missing(runtime) }, () => {
    const user = `cria-${randomBytes(4).toString('hex')}`;
    const handlerOf = (handler: string, toml = '') => ({
      name: handler,
      path: findProgram(runtime) ?? runtime,
      toml,
    });
    const allowing = handlerOf('builds', `allowed_annotations = ["io.kubernetes.cri-o.userns-mode"]`);
    const { daemon, assertUntouched } = useDaemon(
      { handlers: [runtime], moreHandlers: [allowing] },
      describeUser,
    );
    const noLines = { uids: [], gids: [] };
    const lines = { uids: [`${firstUid}:${room}`], gids: [`${firstGid}:${room}`] };
    after(() => setSubordinateIds(user, noLines));

    function describeUser(): void {
      setSubordinateIds(user, lines);
      const { configFile } = daemon.paths;
      const option = `storage_option = ["root-auto-userns-user=${user}"]\nlog_dir`;
      writeFileSync(configFile, readFileSync(configFile, 'utf8').replace('log_dir', option));
    }

    interface PodOptions {
      readonly handler?: string;
      readonly annotations?: Record<string, string>;
      readonly security?: LinuxSandboxSecurityContext;
    }

    async function runPod(pod: string, mode: string, options: PodOptions = {}): Promise<string> {
      const { handler = 'builds', annotations = { [name]: mode }, security } = options;
      const request = podConfig(daemon.pod(pod));
      const securityContext = { namespaceOptions: plain, ...security };
      const config = { ...request, annotations, linux: { ...request.linux, securityContext } };
      const run = { config, runtimeHandler: handler };
      return (await daemon.client.runtime('RunPodSandbox', run)).podSandboxId;
    }

    async function runIn(
      podSandboxId: string,
      mounts: Mount[] = [],
      security: LinuxContainerSecurityContext = {},
    ): Promise<string> {
      const config = {
        metadata: { name: 'main', attempt: 0 },
        image: { image: busybox },
        command: ['sleep', '1000'],
        mounts,
        linux: { securityContext: { namespaceOptions: plain, ...security } },
      };
      const request = { podSandboxId, config, sandboxConfig: podConfig(daemon.pod('any')) };
      const { containerId } = await daemon.client.runtime('CreateContainer', request);
      await daemon.client.runtime('StartContainer', { containerId });
      return containerId;
    }

    const output = (containerId: string, script: string) => saidIn(daemon, containerId, script);

    /** Inside, outside and length, of uids and of gids. */
    async function mapsOf(containerId: string): Promise<number[][]> {
      const text = await output(containerId, 'cat /proc/self/uid_map /proc/self/gid_map');
      return text
        .trim()
        .split('\n')
        .map((line) => line.trim().split(/\s+/).map(Number));
    }

    function ownerOnDisk(file: string): number[] {
      const home = join(daemon.paths.storageRoot, 'overlay');
      const paths = readdirSync(home).map((layer) => join(home, layer, 'diff', file));
      const found = paths.flatMap((path) => statSync(path, { throwIfNoEntry: false }) ?? []);
      return found.flatMap(({ uid, gid }) => [uid, gid]);
    }

    test('a pod has the first range of the user, its files too; volumes have the ids of the host', async () => {
      const data = join(daemon.root, 'closed/data');
      mkdirSync(data, { recursive: true });
      chmodSync(join(daemon.root, 'closed'), 0o700); // as the kubelet's directory of pods
      writeFileSync(join(data, 'of-root'), '');
      writeFileSync(join(data, 'of-pod'), '');
      chownSync(join(data, 'of-pod'), firstUid + 7, firstGid + 8);
      chmodSync(data, 0o777);
      const podSandboxId = await runPod('one', 'auto');
      const id = await runIn(podSandboxId, [
        { hostPath: data, containerPath: '/data' },
        { hostPath: data, containerPath: '/kept', readonly: true },
      ]);
      assert.deepEqual(await mapsOf(id), [
        [0, firstUid, size],
        [0, firstGid, size],
      ]);
      assert.equal(await output(id, 'id -u; touch /mine; chown 5:6 /mine; touch /data/mine'), '0\n');
      assert.deepEqual(ownerOnDisk('mine'), [firstUid + 5, firstGid + 6]);
      assert.equal(
        await output(id, 'stat -c "%u:%g %n" /data/of-root /data/of-pod /kept/of-pod /bin/sh'),
        '65534:65534 /data/of-root\n7:8 /data/of-pod\n7:8 /kept/of-pod\n0:0 /bin/sh\n',
      );
      assert.match(await output(id, 'touch /kept/new'), /Read-only file system/);
      const { uid, gid } = statSync(join(data, 'mine'));
      assert.deepEqual([uid, gid], [firstUid, firstGid]);
      const { status: sandbox } = await daemon.client.runtime('PodSandboxStatus', { podSandboxId });
      assert.equal(sandbox?.linux?.namespaces?.options?.usernsOptions?.mode, 'NODE'); // what was asked for, as under CRI-O
      assert.equal(await runPod('one', 'auto'), podSandboxId); // the kubelet's retry
    });

    test('ids are unique: at once, over the death of the daemon, beside the kubelet and podman', async () => {
      const small = 'auto:size=1000';
      const pods = await Promise.all(['a', 'b', 'c', 'd'].map((pod) => runPod(pod, small)));
      await daemon.kill();
      await daemon.start();
      pods.push(await runPod('e', small));
      const maps = await Promise.all(pods.map(async (pod) => mapsOf(await runIn(pod))));
      const lows = (at: number): (number | undefined)[] => maps.map((map) => map[at]?.[1]).sort();
      const steps = [0, 1000, 2000, 3000, 4000];
      assert.deepEqual(
        lows(0),
        steps.map((step) => firstUid + step),
      );
      assert.deepEqual(
        lows(1),
        steps.map((step) => firstGid + step),
      );

      const kubelets = [{ containerId: 0, hostId: firstUid + 5000, length: 1000 }];
      const options = { ...plain, usernsOptions: { mode: 'POD', uids: kubelets, gids: kubelets } } as const;
      await runPod('kubelet', 'auto:nonsense', { security: { namespaceOptions: options } });
      const podman = new Podman(daemon);
      const ids = [`--uidmap=0:${firstUid + 6000}:1000`, `--gidmap=0:${firstGid + 5000}:500`];
      const theirs = await podman.run('create', '--network=none', ...ids, busybox, 'true');
      try {
        const [uids, gids] = await mapsOf(await runIn(await runPod('f', small)));
        assert.deepEqual([uids?.[1], gids?.[1]], [firstUid + 7000, firstGid + 5500]);
      } finally {
        await podman.run('rm', theirs);
      }
    });

    test("with map-to-root and keep-id, the pod's user and groups are those of the host", async () => {
      const data = join(daemon.root, 'volume');
      mkdirSync(data);
      chownSync(data, 4000, 5000);
      chmodSync(data, 0o770);
      const who = { runAsUser: { value: '4000' }, runAsGroup: { value: '5000' } };
      const seen: Record<string, string> = {};
      for (const option of ['map-to-root', 'keep-id']) {
        const security = { ...who, supplementalGroups: ['6000'] };
        const podSecurity = { ...security, namespaceOptions: { ...plain, pid: 'POD' } } as const; // with an infra container
        const podSandboxId = await runPod(option, `auto:size=10;${option}=true`, { security: podSecurity });
        const id = await runIn(podSandboxId, [{ hostPath: data, containerPath: '/data' }], security);
        await daemon.kill();
        await daemon.start();
        const script = `id -u; id -g; id -G; stat -c %u:%g /data; touch /data/${option}; cat /proc/self/uid_map`;
        seen[option] = (await output(id, script)).replaceAll(/ +/g, ' ');
        const { uid, gid } = statSync(join(data, option));
        assert.deepEqual([uid, gid], [4000, 5000]);
      }
      assert.deepEqual(seen, {
        'map-to-root': `0\n0\n0 1\n0:0\n 0 4000 1\n 1 ${firstUid} 9\n`,
        'keep-id': `4000\n5000\n5000 6000\n4000:5000\n 0 ${firstUid + 9} 10\n 4000 4000 1\n`,
      });
    });

    test('the ids of a removed pod are free again; without room a pod is refused', async () => {
      const full = `auto:size=${room}`;
      const podSandboxId = await runPod('full', full);
      const refusal = {
        code: status.FAILED_PRECONDITION,
        details: new RegExp(`of user "${user}" in /etc/subuid no 1 in one piece are free; give it more`),
      };
      await assert.rejects(runPod('late', 'auto:size=1'), refusal);
      await daemon.client.runtime('StopPodSandbox', { podSandboxId });
      await assert.rejects(runPod('late', 'auto:size=1'), refusal);
      await daemon.client.runtime('RemovePodSandbox', { podSandboxId });
      assert.deepEqual((await mapsOf(await runIn(await runPod('late', full))))[0], [0, firstUid, room]);
    });

    test('without a line for the user the text says which to add; a line helps at once', async () => {
      setSubordinateIds(user, { ...lines, gids: [] });
      try {
        await assert.rejects(runPod('none', 'auto'), {
          code: status.FAILED_PRECONDITION,
          details: new RegExp(`/etc/subgid has no line for user "${user}"; add one, such as "${user}:`),
        });
        await assertUntouched();
      } finally {
        setSubordinateIds(user, lines);
      }
      await runPod('none', 'auto');
    });

    test('what cannot be is refused, and where the annotation is not allowed it says nothing', async () => {
      for (const mode of [
        'auto:',
        'auto:size=0',
        'auto:uidmapping=0:1:2',
        'private:uidmapping=0:1:2',
        'host',
      ]) {
        const details = new RegExp(`annotation ${name} is "${mode}"`);
        await assert.rejects(runPod('bad', mode), { code: status.INVALID_ARGUMENT, details });
      }
      for (const kind of ['network', 'pid', 'ipc'] as const) {
        const security = { namespaceOptions: { ...plain, [kind]: 'NODE' as const } };
        const details = new RegExp(`the host's ${kind} namespace`);
        await assert.rejects(runPod('bad', 'auto', { security }), { code: status.INVALID_ARGUMENT, details });
      }
      await assertUntouched();
      const { containerId } = await runContainer(daemon, { sandbox: { annotations: { [name]: 'auto' } } });
      assert.deepEqual((await mapsOf(containerId))[0]?.slice(0, 2), [0, 0]);
      const older = { annotations: { 'io.kubernetes.cri-o.userns-mode': 'auto:size=10' } };
      const podSandboxId = await runPod('older', '', older);
      assert.deepEqual((await mapsOf(await runIn(podSandboxId)))[0], [0, firstUid, 10]);
    });
  });
}
