// What a node gives to containers beyond their request: devices, files of mounts.conf, what pods ask for by annotations that
// are allowed, and the resources of workloads.

import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import { findProgram } from '../harness/command.ts';
import { runContainer, saidIn, useDaemon } from '../harness/daemon-suite.ts';
import { podConfig, removeAllPods } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';

const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;
const mebibyte = 1024 * 1024;
const allowed = [
  'io.kubernetes.cri-o.Devices',
  'io.kubernetes.cri-o.ShmSize',
  'link-logs.crio.io',
  'umask.crio.io',
  'cpu-quota.crio.io',
  'unified-cgroup.crio.io',
  'cgroup2-mount-hierarchy-rw.crio.io',
];
const workloads = `
[crio.runtime.workloads.management]
activation_annotation = "target.example.io/management"
annotation_prefix = "resources.example.io"
allowed_annotations = ["shm-size.crio.io"]
[crio.runtime.workloads.management.resources]
cpushares = 77
`;

describe('what a node gives to containers', { skip: missing('runc') }, () => {
  const special = {
    name: 'special',
    path: findProgram('runc') ?? 'runc',
    toml: `allowed_annotations = ${JSON.stringify(allowed)}`,
  };
  const { daemon } = useDaemon(
    {
      moreHandlers: [special],
      runtimeToml: `
infra_ctr_cpuset = "0"
additional_devices = ["/dev/zero:/dev/nothing:r"]
allowed_devices = ["/dev/full"]
device_ownership_from_security_context = true
default_mounts_file = "@MOUNTS@"`,
      extraToml: workloads,
    },
    describeMounts,
  );
  const secrets = join(daemon.root, 'secrets');

  function describeMounts(): void {
    mkdirSync(secrets);
    writeFileSync(join(secrets, 'key'), 'of the node\n');
    const mounts = join(daemon.root, 'mounts.conf');
    writeFileSync(mounts, `# for all\n${secrets}:/run/node-secrets\n${daemon.root}/none:/run/none\n`);
    const { configFile } = daemon.paths;
    writeFileSync(configFile, readFileSync(configFile, 'utf8').replace('@MOUNTS@', mounts));
  }

  async function running(
    annotations: Record<string, string>,
    changes: Partial<ContainerConfig> = {},
    runtimeHandler = 'special',
  ): Promise<string> {
    const container = { logPath: 'main/0.log', ...changes };
    const request = { handler: runtimeHandler, sandbox: { annotations }, container };
    return (await runContainer(daemon, request)).containerId;
  }

  /** The file with the quota of a container's cgroup, or of the pod's above it. */
  async function quotaFile(containerId: string, above = ''): Promise<string> {
    const { info } = await daemon.client.runtime('ContainerStatus', { containerId, verbose: true });
    const { pid } = JSON.parse(info['info'] ?? '{}') as { pid: number };
    const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
    const v1 = lines.find((line) => line.split(':')[1]?.split(',').includes('cpu'))?.split(':')[2];
    if (v1 !== undefined) return join('/sys/fs/cgroup/cpu', v1, above, 'cpu.cfs_quota_us');
    const own = lines.find((line) => line.startsWith('0::'))?.slice(3) ?? '';
    return join('/sys/fs/cgroup', own, above, 'cpu.max');
  }

  /** In the words of cgroup v1: -1 for none. */
  function quotaIn(file: string): string {
    const [quota = ''] = readFileSync(file, 'utf8').trim().split(' ');
    return quota === 'max' ? '-1' : quota;
  }

  const shell = (containerId: string, script: string) => saidIn(daemon, containerId, script);

  test('devices: for every container, by annotation as far as it is allowed, and of the container’s user', async () => {
    const user = {
      securityContext: { namespaceOptions, runAsUser: { value: 1234 }, runAsGroup: { value: 77 } },
    };
    const id = await running(
      { 'io.kubernetes.cri-o.Devices': '/dev/full:/dev/by-annotation:rw' },
      {
        devices: [{ hostPath: '/dev/urandom', containerPath: '/dev/by-request', permissions: 'r' }],
        linux: user,
      },
    );
    const found = await shell(id, 'stat -c "%n %F %u:%g" /dev/nothing /dev/by-annotation /dev/by-request');
    assert.equal(
      found,
      ['nothing', 'by-annotation', 'by-request']
        .map((name) => `/dev/${name} character special file 1234:77\n`)
        .join(''),
    );
    assert.match(
      await shell(id, 'head -c 2 /dev/nothing | od -An -tx1; echo x > /dev/by-annotation'),
      /00 00\n.*No space/s,
    );
    await removeAllPods(daemon.client);
    await assert.rejects(running({ 'devices.crio.io': '/dev/full,/dev/mem' }), {
      code: status.PERMISSION_DENIED,
      details: /device "\/dev\/mem" of annotation devices\.crio\.io is not one of allowed_devices/,
    });
    await removeAllPods(daemon.client);
    const other = await running({ 'devices.crio.io': '/dev/full:/dev/by-annotation' }, {}, 'runc');
    assert.equal(await shell(other, 'ls /dev/by-annotation /dev/nothing 2>/dev/null'), '/dev/nothing\n');
  });

  test('mounts.conf: every container has its own copy of the node’s files', async () => {
    const id = await running({}, {}, 'runc');
    assert.equal(
      await shell(id, 'cat /run/node-secrets/key; ls -d /run/none'),
      'of the node\nls: /run/none: No such file or directory\n',
    );
    await shell(id, 'echo changed > /run/node-secrets/key');
    assert.equal(readFileSync(join(secrets, 'key'), 'utf8'), 'of the node\n');
  });

  test('the size of /dev/shm, the umask, and cgroups', async () => {
    const id = await running({
      'io.kubernetes.cri-o.ShmSize': '3Mi',
      'umask.crio.io': '0027',
      'cgroup2-mount-hierarchy-rw.crio.io': 'true',
    });
    assert.match(
      await shell(id, 'grep Umask /proc/1/status; df -m /dev/shm'),
      /^Umask:\t0027\n.* 3 .*\/dev\/shm/s,
    );
    if (existsSync('/sys/fs/cgroup/cgroup.controllers'))
      assert.equal(await shell(id, 'mkdir /sys/fs/cgroup/below'), '');
    await removeAllPods(daemon.client);
    await assert.rejects(running({ 'shm-size.crio.io': 'much' }), {
      code: status.INVALID_ARGUMENT,
      details: /annotation shm-size\.crio\.io is "much", expected a positive quantity/,
    });
  });

  test('the logs of a pod are in the volume that its annotation names, by the ids of its containers', async () => {
    const volume = join(daemon.root, 'pods/uid/volumes/kubernetes.io~empty-dir/logs');
    mkdirSync(volume, { recursive: true });
    const id = await running(
      { 'io.kubernetes.cri-o.LinkLogs': 'logs' },
      {
        command: ['/bin/sh', '-c', 'echo said; sleep 1000'],
        mounts: [{ hostPath: volume, containerPath: '/logs' }],
      },
    );
    const wait = `while ! grep -q said /logs/${id}.log; do sleep 0.1; done`;
    assert.match(
      await shell(id, `${wait}; cat /logs/${id}.log; touch /logs/x`),
      /stdout F said\n.*Read-only/s,
    );
    assert.deepEqual(readdirSync(volume), []);
    await daemon.client.runtime('RemoveContainer', { containerId: id });
    assert.deepEqual(readdirSync(daemon.pod('pod').logDirectory), ['main']);
  });

  test('a link in the place of a pod’s log directory leads nothing out of it', async () => {
    const elsewhere = join(daemon.root, 'elsewhere');
    const { logDirectory } = daemon.pod('pod');
    mkdirSync(elsewhere);
    rmSync(logDirectory, { recursive: true, force: true });
    mkdirSync(dirname(logDirectory), { recursive: true });
    symlinkSync(elsewhere, logDirectory);
    try {
      await assert.rejects(running({ 'link-logs.crio.io': 'logs' }), {
        code: status.FAILED_PRECONDITION,
        details: /leads out of the sandbox's log directory by a symbolic link/,
      });
      assert.deepEqual(
        readdirSync(elsewhere, { recursive: true }).filter((name) => /log/.test(`${name}`)),
        [],
      );
    } finally {
      rmSync(logDirectory);
    }
  });

  test('a pause process has the CPUs of the node’s choice', async () => {
    const plain = podConfig(daemon.pod('pause'));
    const namespaces = { ...namespaceOptions, pid: 'POD' } as const;
    const linux = { ...plain.linux, securityContext: { namespaceOptions: namespaces } };
    const { client } = daemon;
    const { podSandboxId } = await client.runtime('RunPodSandbox', { config: { ...plain, linux } });
    const { info } = await client.runtime('PodSandboxStatus', { podSandboxId, verbose: true });
    const { pid } = JSON.parse(info['info'] ?? '{}') as { pid: number };
    assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^Cpus_allowed_list:\t0$/m);
  });

  test('a container without a quota: neither its own nor that of its pod, also after an update', async () => {
    const linux = {
      resources: { cpuQuota: 50_000, cpuPeriod: 100_000 },
      securityContext: { namespaceOptions },
    };
    const plain = await running({ 'cpu-quota.crio.io/other': 'disable' }, { linux });
    assert.equal(quotaIn(await quotaFile(plain)), '50000');
    const ofPod = await quotaFile(plain, '..');
    writeFileSync(ofPod, '100000');
    await removeAllPods(daemon.client);
    const id = await running({ 'cpu-quota.crio.io/main': 'disable' }, { linux });
    const own = await quotaFile(id);
    assert.deepEqual([own, ofPod].map(quotaIn), ['-1', '-1']);
    await daemon.client.runtime('UpdateContainerResources', { containerId: id, linux: { cpuQuota: 20_000 } });
    assert.equal(quotaIn(own), '-1');
  });

  test('a workload: its shares, what its pod says of a container, and the annotations it allows', async () => {
    const pod = {
      'target.example.io/management': '{"effect": "any"}',
      'resources.example.io/main': '{"cpuset": "0"}',
      'shm-size.crio.io': '2Mi',
    };
    const resources = { cpuShares: 1000, memoryLimitInBytes: 64 * mebibyte };
    const id = await running(pod, { linux: { resources, securityContext: { namespaceOptions } } }, 'runc');
    const shown = (await daemon.client.runtime('ContainerStatus', { containerId: id })).status?.resources
      ?.linux;
    assert.deepEqual(
      [shown?.cpuShares, shown?.cpusetCpus, shown?.memoryLimitInBytes],
      ['77', '0', String(64 * mebibyte)],
    );
    assert.match(
      await shell(id, 'grep Cpus_allowed_list /proc/self/status; df -m /dev/shm'),
      /list:\t0\n.* 2 .*shm/s,
    );
    await removeAllPods(daemon.client);
    await assert.rejects(running({ ...pod, 'resources.example.io/main': '{"memory": 1}' }, {}, 'runc'), {
      code: status.INVALID_ARGUMENT,
      details: /annotation resources\.example\.io\/main is .*"memory" is none of cpushares, /,
    });
  });
});
