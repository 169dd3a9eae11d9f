// What the configuration of a node says about the processes of its containers: the system calls of privileged ones,
// the time zone, GOMAXPROCS.

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { ContainerConfig } from '../../internal/cri/gen/runtime/v1/ContainerConfig.ts';
import type { NamespaceOption } from '../../internal/cri/gen/runtime/v1/NamespaceOption.ts';
import { busybox } from '../harness/daemon.ts';
import { useDaemon } from '../harness/daemon-suite.ts';
import { podConfig, removeAllPods, waitForExit } from '../harness/pods.ts';
import { missing } from '../harness/requirements.ts';
import { until } from '../harness/until.ts';

const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;
const denyMkdir = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
};

describe('the rules of a node', { skip: missing('runc') }, () => {
  const runtimeToml =
    'privileged_seccomp_profile = "@PROFILE@"\ntimezone = "Asia/Tokyo"\nmin_injected_gomaxprocs = 3';
  const { daemon } = useDaemon({ runtimeToml }, () => {
    writeFileSync(profile, JSON.stringify(denyMkdir));
    reconfigure('@PROFILE@', profile);
  });
  const profile = join(daemon.root, 'privileged.json');

  function reconfigure(before: string, now: string): void {
    const { configFile } = daemon.paths;
    writeFileSync(configFile, readFileSync(configFile, 'utf8').replace(before, now));
  }

  async function exitCode(
    script: string,
    privileged: boolean,
    options: NamespaceOption = namespaceOptions,
    changes: { readonly parent?: string; readonly config?: Partial<ContainerConfig> } = {},
  ): Promise<number | undefined> {
    const { client } = daemon;
    const linux = { securityContext: { namespaceOptions: options, privileged } };
    const sandboxConfig = {
      ...podConfig(daemon.pod('pod')),
      linux: { ...linux, cgroupParent: changes.parent ?? daemon.cgroupParent },
    };
    const { podSandboxId } = await client.runtime('RunPodSandbox', { config: sandboxConfig });
    const config: ContainerConfig = {
      metadata: { name: 'main' },
      image: { image: busybox },
      command: ['/bin/sh', '-c', script],
      logPath: 'main/0.log',
      linux,
      ...changes.config,
    };
    const { containerId } = await client.runtime('CreateContainer', { podSandboxId, config, sandboxConfig });
    await client.runtime('StartContainer', { containerId });
    const code = await waitForExit(client, containerId);
    await removeAllPods(client);
    return code;
  }

  test('privileged containers have the seccomp profile for them, and others do not', async () => {
    assert.equal(await exitCode('mkdir /made', true), 1);
    assert.equal(await exitCode('mkdir /made', false), 0);
    rmSync(profile);
    await assert.rejects(exitCode('true', true), {
      code: status.FAILED_PRECONDITION,
      details:
        /seccomp profile ".*privileged.json" cannot be read \(ENOENT\); see the option privileged_seccomp/,
    });
    await removeAllPods(daemon.client);

    reconfigure(profile, '');
    await hangUp('reload completed');
    assert.equal(await exitCode('mkdir /made', true), 0);
  });

  async function hangUp(answer: string): Promise<void> {
    const seen = daemon.logTail(10_000).length;
    process.kill(daemon.pid, 'SIGHUP');
    await until(`the log says "${answer}"`, () => daemon.logTail(10_000).slice(seen).includes(answer));
  }

  test('SIGHUP takes the profile of RuntimeDefault over, by its name and by what is in it; a broken one changes nothing', async () => {
    const ownProfile = join(daemon.root, 'default.json');
    const makesDirectory = () => {
      const seccomp = { profileType: 'RuntimeDefault' } as const;
      const config = { linux: { securityContext: { namespaceOptions, seccomp } } };
      return exitCode('mkdir /made', false, namespaceOptions, { config });
    };
    assert.equal(await makesDirectory(), 0);
    writeFileSync(ownProfile, JSON.stringify(denyMkdir));
    reconfigure('timezone =', `seccomp_profile = "${ownProfile}"\ntimezone =`);
    await hangUp('reload completed');
    assert.ok(daemon.logTail(10_000).includes(`set config seccomp_profile to \\"${ownProfile}\\"`));
    assert.equal(await makesDirectory(), 1);

    for (const broken of ['{', '{"defaultAction":"SCMP_ACT_NONSENSE"}']) {
      writeFileSync(ownProfile, broken);
      await hangUp('unable to reload');
      assert.equal(await makesDirectory(), 1);
    }
    writeFileSync(ownProfile, '{"defaultAction":"SCMP_ACT_ALLOW"}');
    await hangUp('reload completed');
    assert.equal(await makesDirectory(), 0);
  });

  test('the time zone of the node is that of containers whose pod names none', async () => {
    const isTokyo = 'test "$(date +%z)" = +0900 && test "$(stat -c %u:%a /etc/localtime)" = 0:644';
    assert.equal(await exitCode(isTokyo, false), 0);
    assert.equal(await exitCode('test "$(TZ=XYZ-2 date +%z)" = +0200', false), 0);
    const mapping = [{ hostId: 1_900_544, containerId: 0, length: 65_536 }];
    const usernsOptions = { mode: 'POD', uids: mapping, gids: mapping } as const;
    assert.equal(await exitCode(isTokyo, false, { ...namespaceOptions, usernsOptions }), 0);
  });

  test('containers of burstable pods get GOMAXPROCS for twice the CPUs that they request', async () => {
    const parent = `${daemon.cgroupParent}/burstable`;
    const isSet = (expected: string, given: Partial<ContainerConfig> = {}, cgroup = parent) => {
      const linux = { securityContext: { namespaceOptions }, resources: { cpuShares: 2048 } };
      const config = { linux, ...given };
      return exitCode(`test "$GOMAXPROCS" = "${expected}"`, false, namespaceOptions, {
        parent: cgroup,
        config,
      });
    };
    assert.equal(await isSet('4'), 0);
    assert.equal(await isSet('3', { linux: { securityContext: { namespaceOptions } } }), 0);
    assert.equal(await isSet('9', { envs: [{ key: 'GOMAXPROCS', value: Buffer.from('9') }] }), 0);
    assert.equal(await isSet('', {}, daemon.cgroupParent), 0);
  });
});
