// The daemon as a unit of systemd, with systemd's cgroups, on cgroup v2 alone. Runs in the machine of scripts/test-vm.mjs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { SecurityProfile } from '../../internal/cri/gen/runtime/v1/SecurityProfile.ts';
import { processesIn } from '../harness/cgroup-parent.ts';
import { type CriClient, connect } from '../harness/cri-client.ts';
import { type DaemonPaths, writeDaemonConfig } from '../harness/daemon-config.ts';
import { buildBusyboxImage } from '../harness/images.ts';
import { type PodRequest, podConfig, runPod, waitForExit } from '../harness/pods.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const root = '/var/lib/cria-vm';
const cgroups = '/sys/fs/cgroup';
const image = 'localhost/busybox:test';
const megabyte = 1024 * 1024;
/** Everything is some ten times slower than on a machine of its own. */
const slowMs = 120_000;

const systemctl = (...args: string[]) => execFileSync('systemctl', args, { encoding: 'utf8' }).trim();

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + slowMs; !(await holds()); await sleep(50))
    if (Date.now() > end) throw new Error(`still not: ${what}`);
}

interface Running {
  readonly containerId: string;
  readonly pid: number;
  readonly monitorPid: number;
}

interface Wishes {
  readonly memoryBytes?: number;
  readonly apparmor?: SecurityProfile;
}

for (const runtime of ['runc', 'crun']) {
  describe(`cria.service with ${runtime}`, {
    skip: existsSync('/run/systemd/system') ? false : 'needs systemd',
  }, () => {
    let paths: DaemonPaths;
    let client: CriClient;
    let count = 0;

    before(async () => {
      const handlers = [{ name: runtime, path: `/usr/bin/${runtime}` }];
      const setup = { root: `${root}-${runtime}`, bridge: `vm${runtime}`, subnet: '10.99.0.0/24', handlers };
      paths = writeDaemonConfig({ ...setup, cgroupManager: 'systemd' });
      const program = `exec node ${repository}dist/cmd/cria/main.js --config ${paths.configFile} "$@"`;
      writeFileSync('/usr/bin/cria', `#!/bin/sh\n${program}\n`, { mode: 0o755 });
      const unit = readFileSync(join(repository, 'contrib/systemd/cria.service'), 'utf8');
      writeFileSync('/etc/systemd/system/cria.service', unit);
      if (!existsSync('/etc/systemd/system/crio.service'))
        symlinkSync('/etc/systemd/system/cria.service', '/etc/systemd/system/crio.service');
      systemctl('daemon-reload');
      await start();
      buildBusyboxImage(`${root}-${runtime}/busybox`, image, '/bin/busybox');
      execFileSync('/usr/bin/cria', ['image', 'load', '--name', image, `${root}-${runtime}/busybox`]);
    });

    after(async () => {
      const { items = [] } = await client.runtime('ListPodSandbox', {}, slowMs);
      for (const { id: podSandboxId } of items) {
        await client.runtime('StopPodSandbox', { podSandboxId }, slowMs);
        await client.runtime('RemovePodSandbox', { podSandboxId }, slowMs);
      }
      client.close();
      systemctl('stop', 'cria');
    });

    async function start(): Promise<void> {
      systemctl('restart', 'cria');
      client?.close();
      client = connect(paths.socket);
      const answers = () => client.runtime('Version', {}, 5_000).then(Boolean, () => false);
      await until('the daemon answers', async () => existsSync(paths.socket) && (await answers()));
    }

    const podIn = (slice = ''): PodRequest => {
      count += 1;
      return {
        name: `p${count}`,
        logDirectory: `${root}-${runtime}/logs/p${count}`,
        cgroupParent: slice,
        handler: '',
      };
    };

    async function startIn(
      podSandboxId: string,
      pod: PodRequest,
      script: string,
      { memoryBytes = 0, ...security }: Wishes = {},
    ): Promise<Running> {
      const { containerId } = await client.runtime(
        'CreateContainer',
        {
          podSandboxId,
          sandboxConfig: podConfig(pod),
          config: {
            metadata: { name: `c${count++}`, attempt: 0 },
            image: { image },
            command: ['/bin/sh', '-c', script],
            logPath: `c${count}.log`,
            linux: {
              resources: { memoryLimitInBytes: String(memoryBytes) },
              securityContext: {
                namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' },
                ...security,
              },
            },
          },
        },
        slowMs,
      );
      await client.runtime('StartContainer', { containerId }, slowMs);
      const { info } = await client.runtime('ContainerStatus', { containerId, verbose: true }, slowMs);
      return { containerId, ...JSON.parse(info?.['info'] ?? '') };
    }

    async function startContainer(script: string, wishes: Wishes = {}): Promise<Running> {
      const pod = podIn();
      return startIn(await runPod(client, pod), pod, script, wishes);
    }

    async function reasonOf(containerId: string): Promise<[code: number, reason: string]> {
      const code = await waitForExit(client, containerId, slowMs);
      const { status } = await client.runtime('ContainerStatus', { containerId }, slowMs);
      return [code, status?.reason ?? ''];
    }

    const cgroupOf = (pid: number) => readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim();
    const eat = 'dd if=/dev/zero of=/dev/null bs=200M count=1';

    test('container and monitor are in scopes of their own', async () => {
      const { containerId, pid, monitorPid } = await startContainer('sleep 1000');
      assert.match(
        cgroupOf(pid),
        new RegExp(`^0::/system\\.slice/crio-${containerId}\\.scope(/container)?$`),
      );
      assert.equal(cgroupOf(monitorPid), `0::/system.slice/crio-conmon-${containerId}.scope`);
      const unit = `crio-conmon-${containerId}.scope`;
      assert.equal(systemctl('show', '-P', 'KillSignal', unit), '13');
      assert.match(systemctl('show', '-P', 'After', unit), /cri[ao]\.service/);
      assert.equal(readFileSync(`/proc/${monitorPid}/oom_score_adj`, 'utf8').trim(), '-1000');
      assert.notEqual(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim(), '-1000');
      await client.runtime('RemoveContainer', { containerId }, slowMs);
      await until('both scopes are gone', () => !existsSync(`${cgroups}/system.slice/${unit}`));
      assert.ok(!existsSync(`${cgroups}/system.slice/crio-${containerId}.scope`));
    });

    test('memory kills: of the init, of a child only, and by the limit of the pod', async () => {
      const init = await startContainer(`exec ${eat}`, { memoryBytes: 24 * megabyte });
      assert.deepEqual(await reasonOf(init.containerId), [137, 'OOMKilled']);
      const child = await startContainer(`${eat}; exit 0`, { memoryBytes: 24 * megabyte });
      assert.deepEqual(await reasonOf(child.containerId), [0, 'OOMKilled']);

      systemctl('set-property', '--runtime', 'criavm.slice', 'MemoryMax=64M', 'MemorySwapMax=0');
      const pod = podIn('criavm.slice');
      const podId = await runPod(client, pod);
      const bystander = await startIn(podId, pod, 'sleep 1000');
      const victim = await startIn(podId, pod, `exec ${eat}`);
      assert.deepEqual(await reasonOf(victim.containerId), [137, 'OOMKilled']);
      await client.runtime('StopContainer', { containerId: bystander.containerId, timeout: '0' }, slowMs);
      assert.deepEqual(await reasonOf(bystander.containerId), [137, 'Error']);
    });

    test('an exec that times out leaves nothing, however it hides', async () => {
      const { containerId, pid } = await startContainer('sleep 1000; true');
      const hidden = 'exec </dev/null >/dev/null 2>&1; sleep 7774 & (setsid sleep 7775 &)';
      const script = `setsid sh -c '(${hidden}) & (setsid sh -c "${hidden}" &)' & sleep 7776`;
      const cmd = ['/bin/sh', '-c', script];
      await assert.rejects(client.runtime('ExecSync', { containerId, cmd, timeout: '3' }, slowMs), {
        code: 4,
      });
      const place = join(cgroups, cgroupOf(pid).slice('0::'.length));
      assert.equal(processesIn(place).length, 2);
      const sleeps = execFileSync('sh', ['-c', 'ps axo args | grep "^sleep 777" || true'], {
        encoding: 'utf8',
      });
      assert.equal(sleeps, '');
    });

    test('a restart of the unit leaves containers and their monitors alone', async () => {
      const { containerId, pid, monitorPid } = await startContainer(
        'trap "exit 9" TERM; while :; do sleep 0.2; done',
      );
      await start();
      assert.ok(existsSync(`/proc/${pid}`) && existsSync(`/proc/${monitorPid}`));
      const { status } = await client.runtime('ContainerStatus', { containerId }, slowMs);
      assert.equal(status?.state, 'CONTAINER_RUNNING');
      await client.runtime('StopContainer', { containerId, timeout: '60' }, slowMs);
      assert.deepEqual(await reasonOf(containerId), [9, 'Error']);
    });

    test('AppArmor: our profile, which is loaded again, one of the node, or none', async () => {
      const confinement = ({ pid }: Running) => readFileSync(`/proc/${pid}/attr/current`, 'utf8').trim();
      const forever = 'trap "exit 9" TERM; while :; do sleep 0.2; done';
      assert.equal(confinement(await startContainer(forever)), 'crio-default (enforce)');
      writeFileSync('/sys/kernel/security/apparmor/.remove', 'crio-default');
      const apparmor = { profileType: 'RuntimeDefault' } as const;
      const again = await startContainer(forever, { apparmor });
      assert.equal(confinement(again), 'crio-default (enforce)');
      await client.runtime('StopContainer', { containerId: again.containerId, timeout: '60' }, slowMs);
      assert.deepEqual(await reasonOf(again.containerId), [9, 'Error']); // signals from outside and inside arrive

      const localhost = { profileType: 'Localhost', localhostRef: 'localhost/cria-vm' } as const;
      await assert.rejects(startContainer('true', { apparmor: localhost }), {
        code: 9,
        message: /AppArmor profile "cria-vm" is not loaded/,
      });
      const profile = 'profile cria-vm flags=(attach_disconnected) { file, signal, deny /tmp/** w, }';
      execFileSync('apparmor_parser', ['--replace', '--skip-cache'], { input: profile });
      const script = 'mkdir -p /tmp; touch /x || exit 1; touch /tmp/x && exit 2; exit 7';
      const own = await startContainer(script, { apparmor: localhost });
      assert.deepEqual(await reasonOf(own.containerId), [7, 'Error']);
      const free = await startContainer(forever, { apparmor: { profileType: 'Unconfined' } });
      assert.equal(confinement(free), 'unconfined');
      execFileSync('apparmor_parser', ['--remove'], { input: profile });
    });

    test('when pids are used again at once, no signal hits a process of somebody else', async () => {
      const before = readFileSync('/proc/sys/kernel/pid_max', 'utf8');
      const bystander = spawnForks();
      const { containerId } = await startContainer('while :; do (true); done');
      try {
        writeFileSync('/proc/sys/kernel/pid_max', '400');
        for (let round = 0; round < 5; round++) {
          const cmd = ['/bin/sh', '-c', '(sleep 100 &); (setsid sleep 100 &); sleep 100'];
          const exec = client.runtime('ExecSync', { containerId, cmd, timeout: '1' }, slowMs);
          await assert.rejects(exec, { code: 4 });
        }
      } finally {
        writeFileSync('/proc/sys/kernel/pid_max', before);
      }
      assert.equal(await bystander.killed(), 0);
    });
  });
}

/** A shell that starts processes without end, and counts those that a signal has ended. */
function spawnForks() {
  const file = `${root}-killed`;
  const stop = `${root}-stop`;
  execFileSync('rm', ['-f', file, stop]);
  const script = `while [ ! -e ${stop} ]; do /bin/sleep 0.01; [ $? -gt 128 ] && echo x >>${file}; done`;
  execFileSync('systemd-run', ['--unit', 'bystander', '--collect', 'sh', '-c', script], { stdio: 'ignore' });
  return {
    async killed(): Promise<number> {
      writeFileSync(stop, '');
      await until('it has ended', () => !existsSync(`${cgroups}/system.slice/bystander.service`));
      return existsSync(file) ? readFileSync(file, 'utf8').length : 0;
    },
  };
}
