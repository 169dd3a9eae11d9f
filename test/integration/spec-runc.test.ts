// The generated spec as real OCI runtimes take it, seen from inside the container.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerMount } from '../../internal/container/container-config.ts';
import { buildSpec } from '../../internal/container/spec/build-spec.ts';
import { infraSpec } from '../../internal/container/spec/infra-spec.ts';
import { execProcess } from '../../internal/container/spec/process-spec.ts';
import { serializeSpec } from '../../internal/container/spec/serialize-spec.ts';
import type { RuntimeSpec } from '../../internal/oci/runtime-spec.ts';
import { kernelCapabilities } from '../../internal/sys/capabilities.ts';
import { BundleRunner, ownBounding, reasonToSkip, runtimes } from '../fixtures/bundle-runner.ts';
import { plainDefaults, plainResources } from '../fixtures/spec-input.ts';

const pause = new URL('../../bin/cria-pause', import.meta.url).pathname;

const hasSwapAccounting =
  existsSync('/sys/fs/cgroup/cgroup.controllers') ||
  existsSync('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes');

function maskOf(names: readonly string[]): string {
  const bits = names.map((name) => 1n << BigInt(kernelCapabilities.indexOf(name)));
  return bits
    .reduce((mask, bit) => mask | bit, 0n)
    .toString(16)
    .padStart(16, '0');
}

const mountOf = (part: Partial<ContainerMount>): ContainerMount => ({
  containerPath: '/data',
  hostPath: '',
  readonly: false,
  recursiveReadOnly: false,
  selinuxRelabel: false,
  propagation: 'private',
  image: '',
  imageSubPath: '',
  ...part,
});

for (const runtime of runtimes) {
  describe(`a generated spec under ${runtime}`, { skip: reasonToSkip(runtime) }, () => {
    const runner = new BundleRunner(runtime);
    const { root } = runner;
    after(() => runner.close());

    const status =
      'grep -E "^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):" /proc/self/status; id -u; id -g; id -G';

    test('root with the default capabilities, without a filter', async () => {
      const caps = maskOf(['CAP_CHOWN', 'CAP_KILL']);
      assert.equal(
        await runner.printed(runner.input({}), status),
        `CapInh:\t${maskOf([])}\nCapPrm:\t${caps}\nCapEff:\t${caps}\nCapBnd:\t${caps}\nCapAmb:\t${maskOf([])}\nNoNewPrivs:\t0\nSeccomp:\t0\n0\n0\n0\n`,
      );
    });

    test('another user, its groups, the default filter and no new privileges', async () => {
      const security = {
        runAsUser: 1000,
        supplementalGroups: [1234],
        noNewPrivs: true,
        seccomp: { type: 'runtime-default' },
      } as const;
      const files = { passwdText: 'app:x:1000:1000::/home/app:\n', groupText: 'extra:x:50000:app\n' };
      const none = maskOf([]);
      assert.equal(
        await runner.printed(runner.input({}, security, files), status),
        `CapInh:\t${none}\nCapPrm:\t${none}\nCapEff:\t${none}\nCapBnd:\t${maskOf(['CAP_CHOWN', 'CAP_KILL'])}\nCapAmb:\t${none}\nNoNewPrivs:\t1\nSeccomp:\t2\n1000\n1000\n1000 1234 50000\n`,
      );
    });

    test('an ambient capability reaches a user that is not root', async () => {
      const security = { runAsUser: 1000, addAmbientCapabilities: ['NET_ADMIN'] };
      const text = await runner.printed(
        runner.input({}, security),
        'grep -E "^Cap(Eff|Amb):" /proc/self/status',
      );
      const caps = maskOf(['CAP_NET_ADMIN']);
      assert.equal(text, `CapEff:\t${caps}\nCapAmb:\t${caps}\n`);
    });

    test('privileged has the whole bounding set and a writable sysfs', async () => {
      const text = await runner.printed(
        runner.input({}, { privileged: true, maskedPaths: ['/bin/ls'] }),
        'grep CapEff: /proc/self/status; mount | grep -c "on /sys type sysfs (rw"; ls / >/dev/null && echo listed',
      );
      assert.equal(text, `CapEff:\t${maskOf(ownBounding())}\n1\nlisted\n`);
    });

    test('the default filter stops new namespaces, with and without the capability', async () => {
      const seccomp = { type: 'runtime-default' } as const;
      const script =
        'unshare -U true 2>&1; mount -t tmpfs none /tmp 2>&1; touch /tmp/x && chmod 600 /tmp/x && echo works';
      assert.match(
        await runner.printed(runner.input({}, { seccomp }), script),
        /Operation not permitted\n.*(Operation not permitted|permission denied).*\nworks\n$/s,
      );
      const admin = { seccomp, addCapabilities: ['SYS_ADMIN'] };
      assert.equal(await runner.printed(runner.input({}, admin), script), 'works\n');
    });

    test('a localhost profile denies what it names', async () => {
      const security = { seccomp: { type: 'localhost', localhostRef: '/profiles/chmod.json' } } as const;
      const localhostSeccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['chmod', 'fchmod', 'fchmodat', 'fchmodat2'], action: 'SCMP_ACT_ERRNO' }],
      };
      const text = await runner.printed(
        runner.input({}, security, { localhostSeccomp }),
        'touch /tmp/y; chmod 600 /tmp/y 2>&1',
      );
      assert.match(text, /Operation not permitted/);
    });

    test('masked and read-only paths, a read-only root, mounts and limits', async () => {
      mkdirSync(join(root, 'volume'), { recursive: true });
      const text = await runner.printed(
        runner.input(
          {
            mounts: [mountOf({ hostPath: join(root, 'volume'), readonly: true })],
          },
          {
            maskedPaths: ['/proc/kcore', '/etc/masked', '/proc/scsi', '/proc/not-there'],
            readonlyPaths: ['/proc/sys'],
            readonlyRootfs: true,
          },
          { defaults: { ...plainDefaults, ulimits: ['nofile=512:1024', 'core=-1:-1'] } },
        ),
        [
          'cat /etc/masked',
          'touch /proc/sys/kernel/domainname 2>&1',
          'touch /data/x 2>&1',
          'touch /x 2>&1',
          'cat /etc/resolv.conf',
          'hostname',
          'grep -E "open files|core file" /proc/self/limits',
        ].join('; '),
      );
      assert.equal(
        text.replace(/ +/g, ' '),
        [
          'touch: /proc/sys/kernel/domainname: Read-only file system',
          'touch: /data/x: Read-only file system',
          'touch: /x: Read-only file system',
          'nameserver 192.0.2.1',
          'pod-host',
          'Max core file size unlimited unlimited bytes ',
          'Max open files 512 1024 files ',
          '',
        ].join('\n'),
      );
    });

    test('every capability under the default filter', async () => {
      const security = { addCapabilities: ['ALL'], seccomp: { type: 'runtime-default' } } as const;
      assert.equal(
        await runner.printed(runner.input({}, security), 'grep -E "^(CapEff|Seccomp):" /proc/self/status'),
        `CapEff:\t${maskOf(ownBounding())}\nSeccomp:\t2\n`,
      );
    });

    test('mounts below a mount: read-only, recursively read-only and propagated', async () => {
      const hostPath = join(root, 'tree');
      mkdirSync(join(hostPath, 'inner'), { recursive: true });
      mkdirSync(join(hostPath, 'made'), { recursive: true });
      const mount = (...args: readonly string[]) =>
        assert.equal(spawnSync('mount', args).status, 0, args.join(' '));
      mount('--bind', hostPath, hostPath);
      try {
        mount('--make-rshared', hostPath);
        mount('-t', 'tmpfs', 'none', join(hostPath, 'inner'));
        const touch = 'touch /data/x 2>&1; touch /data/inner/x 2>&1; echo done';
        const of = (part: Partial<ContainerMount>, script = touch) =>
          runner.printed(
            runner.input({ mounts: [mountOf({ hostPath, ...part })] }, { addCapabilities: ['SYS_ADMIN'] }),
            script,
          );
        const refused = (path: string) => `touch: ${path}: Read-only file system\n`;
        assert.equal(await of({ readonly: true }), `${refused('/data/x')}done\n`);
        assert.equal(
          await of({ readonly: true, recursiveReadOnly: true }),
          `${refused('/data/x')}${refused('/data/inner/x')}done\n`,
        );
        const make = 'mount -t tmpfs made /data/made && echo made';
        const seen = () => readFileSync('/proc/self/mountinfo', 'utf8').includes(join(hostPath, 'made'));
        assert.deepEqual([await of({}, make), seen()], ['made\n', false]);
        assert.deepEqual([await of({ propagation: 'host-to-container' }, make), seen()], ['made\n', false]);
        assert.deepEqual([await of({ propagation: 'bidirectional' }, make), seen()], ['made\n', true]);
      } finally {
        spawnSync('umount', ['-R', hostPath]);
      }
    });

    test('limits and devices as asked for, and no other device', async () => {
      const kmsg = {
        path: '/dev/x',
        type: 'c',
        major: 1,
        minor: 11,
        fileMode: 0o666,
        uid: 0,
        gid: 0,
      } as const;
      const input = runner.input(
        {
          resources: {
            ...plainResources,
            memoryLimitBytes: 64n * 1024n * 1024n,
            cpuShares: 200n,
            cpuPeriod: 100_000n,
            cpuQuota: 50_000n,
          },
        },
        { addCapabilities: ['MKNOD'] },
        {
          requestedDevices: [
            { hostPath: '/dev/x', containerPath: '/dev/one', permissions: 'w', nodes: [kmsg] },
          ],
          defaults: { ...plainDefaults, pidsLimit: 50 },
        },
      );
      const limited = { ...input, host: { ...input.host, swapAccounting: hasSwapAccounting } };
      const files = input.host.cgroupV2
        ? ['memory.max', 'cpu.max', 'pids.max']
        : ['memory/memory.limit_in_bytes', 'cpu/cpu.cfs_quota_us', 'pids/pids.max'];
      const script = [
        `cd /sys/fs/cgroup; cat ${files.join(' ')}`,
        // /dev/kmsg: an open for writing alone needs no right but the cgroup's.
        '(: >/dev/one) && echo open for writing',
        '(: </dev/one) 2>&1 | grep -o "not permitted"',
        // /dev/mem: the node can be made, the cgroup keeps it shut.
        'mknod /tmp/mem c 1 1 && (head -c 1 /tmp/mem) 2>&1; rm -f /tmp/mem',
      ].join('; ');
      assert.equal(
        await runner.printed(limited, script),
        `67108864\n50000${input.host.cgroupV2 ? ' 100000' : ''}\n50\nopen for writing\nnot permitted\nhead: /tmp/mem: Operation not permitted\n`,
      );
    });

    test('exec has the identity and the rights of the container', async () => {
      const spec = buildSpec(
        runner.input(
          { command: ['/bin/sleep', '60'], envs: [{ key: 'COLOR', value: 'blue\nsky' }] },
          { runAsUser: 7, supplementalGroups: [8], seccomp: { type: 'runtime-default' }, noNewPrivs: true },
          { defaults: { ...plainDefaults, ulimits: ['core=-1:-1', 'nofile=64:64'] } },
        ),
      );
      const text = await runner.withContainer(spec, (id) => {
        const file = join(root, `${id}.process.json`);
        // As after a restart of the daemon: the stored spec has been through JSON.
        const stored = (JSON.parse(serializeSpec(spec)) as RuntimeSpec).process;
        const script = `id -u; id -G; echo "$COLOR"; grep -E "^(Seccomp|NoNewPrivs):" /proc/self/status; grep "open files" /proc/self/limits`;
        writeFileSync(file, JSON.stringify(execProcess(stored, ['/bin/sh', '-c', script], false)));
        const result = runner.run(['exec', '--process', file, id]);
        assert.equal(result.status, 0, result.output);
        return result.output;
      });
      assert.equal(
        text.replace(/ +/g, ' '),
        '7\n0 8\nblue\nsky\nNoNewPrivs:\t1\nSeccomp:\t2\nMax open files 64 64 files \n',
      );
    });

    test('the infra container runs the pause binary alone', {
      skip: existsSync(pause) ? false : 'cria-pause is not built',
    }, async () => {
      const rootfs = join(root, 'pause-rootfs');
      mkdirSync(rootfs, { recursive: true });
      copyFileSync(pause, join(rootfs, 'pause'));
      const { host, sandbox, defaults, cgroupsPath } = runner.input({});
      const spec = infraSpec({
        sandbox,
        host,
        defaults,
        rootfsPath: rootfs,
        pausePath: '/pause',
        cgroupsPath: `${cgroupsPath}-infra`,
        resources: { oomScoreAdj: -998, cpusetCpus: '' },
        podAmounts: { overhead: undefined, resources: undefined },
      });
      await runner.withContainer(spec, async (id) => {
        await sleep(100);
        const state = JSON.parse(runner.run(['state', id]).output) as { status: string; pid: number };
        assert.equal(state.status, 'running');
        const text = readFileSync(`/proc/${state.pid}/status`, 'utf8');
        assert.match(text, /^Uid:\t65535\t/m);
        assert.match(text, /^CapBnd:\t0{16}$/m);
        assert.match(text, /^Seccomp:\t2$/m);
        assert.match(text, /^NSpid:\t\d+\t1$/m);
        const inPod = {
          ...sandbox,
          namespaces: { ...sandbox.namespaces, pidPath: `/proc/${state.pid}/ns/pid` },
        };
        const member = runner.input({}, { pidMode: 'pod' }, { sandbox: inPod });
        assert.equal(await runner.printed(member, 'tr "\\0" " " </proc/1/cmdline'), '/pause ');
      });
    });
  });
}
