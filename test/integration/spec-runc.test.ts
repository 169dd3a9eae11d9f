// The generated spec as real OCI runtimes take it, seen from inside the container.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerConfig } from '../../internal/container/container-config.ts';
import { buildSpec } from '../../internal/container/spec/build-spec.ts';
import { kernelCapabilities } from '../../internal/container/spec/capabilities.ts';
import { infraSpec } from '../../internal/container/spec/infra-spec.ts';
import { execProcess } from '../../internal/container/spec/process-spec.ts';
import { serializeSpec } from '../../internal/container/spec/serialize-spec.ts';
import type { SpecInput } from '../../internal/container/spec/spec-input.ts';
import type { RuntimeSpec } from '../../internal/oci/runtime-spec.ts';
import { inputWith, plainDefaults, plainHost, plainSandbox } from '../fixtures/spec-input.ts';

const busybox = '/bin/busybox';
const pause = new URL('../../bin/cria-pause', import.meta.url).pathname;
const runtimes = ['/usr/sbin/runc', '/usr/bin/crun'];
const applets = [
  'sh',
  'cat',
  'chmod',
  'grep',
  'hostname',
  'id',
  'ls',
  'mkdir',
  'mount',
  'sleep',
  'touch',
  'unshare',
];

function ownBounding(): readonly string[] {
  const mask = /^CapBnd:\t([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return kernelCapabilities.filter((_, bit) => (BigInt(`0x${mask}`) >> BigInt(bit)) & 1n);
}

function maskOf(names: readonly string[]): string {
  const bits = names.map((name) => 1n << BigInt(kernelCapabilities.indexOf(name)));
  return bits
    .reduce((mask, bit) => mask | bit, 0n)
    .toString(16)
    .padStart(16, '0');
}

const missing =
  process.getuid?.() !== 0 ? 'needs root' : existsSync(busybox) ? undefined : `needs a static ${busybox}`;

for (const runtime of runtimes) {
  describe(`a generated spec under ${runtime}`, {
    skip: missing ?? (existsSync(runtime) ? false : 'not installed'),
  }, () => {
    const root = mkdtempSync(join(tmpdir(), 'cria-spec-'));
    const parent = `/cria-spec-test-${process.pid}`;
    const hugetlb = join(root, 'hugetlb');
    let count = 0;

    function run(args: readonly string[], output: number | 'pipe' = 'pipe') {
      const result = spawnSync(runtime, ['--root', join(root, 'state'), ...args], {
        stdio: ['ignore', output, output === 'pipe' ? 'pipe' : output],
        encoding: 'utf8',
        timeout: 20_000,
      });
      return { status: result.status, output: `${result.stdout ?? ''}${result.stderr ?? ''}` };
    }

    /** Creates and starts a container, lets `use` look at it, and removes it. */
    async function withContainer<T>(
      spec: RuntimeSpec,
      use: (id: string, log: string) => Promise<T> | T,
    ): Promise<T> {
      const id = `c${++count}`;
      const bundle = join(root, id);
      mkdirSync(bundle);
      writeFileSync(join(bundle, 'config.json'), serializeSpec(spec));
      const log = join(bundle, 'log');
      const fd = openSync(log, 'w');
      try {
        const created = run(['create', '--bundle', bundle, id], fd);
        assert.equal(created.status, 0, readFileSync(log, 'utf8'));
        const started = run(['start', id]);
        assert.equal(started.status, 0, started.output);
        return await use(id, log);
      } finally {
        closeSync(fd);
        run(['delete', '--force', id]);
      }
    }

    /** What a shell script in the container prints. */
    function printed(input: SpecInput, script: string): Promise<string> {
      const config = { ...input.config, command: ['/bin/sh', '-c', script] };
      return withContainer(buildSpec({ ...input, config }), async (id, log) => {
        for (let tries = 0; tries < 200; tries += 1) {
          if (run(['state', id]).output.includes('"stopped"')) return readFileSync(log, 'utf8');
          await sleep(25);
        }
        throw new Error(`container ${id} does not end: ${readFileSync(log, 'utf8')}`);
      });
    }

    function input(
      config: Partial<ContainerConfig>,
      security: Partial<ContainerConfig['security']> = {},
      rest: Partial<SpecInput> = {},
    ): SpecInput {
      const oomScoreAdjMin = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
      return inputWith({ workingDir: '/', ...config }, security, {
        host: {
          ...plainHost,
          oomScoreAdjMin,
          boundingCapabilities: ownBounding(),
          architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
          cgroupV2: existsSync('/sys/fs/cgroup/cgroup.controllers'),
        },
        rootfsPath: join(root, 'rootfs'),
        sandbox: {
          ...plainSandbox,
          cgroupParent: parent,
          namespaces: { network: 'new', ipc: 'new', uts: 'new', pidPath: undefined },
          shmPath: join(root, 'shm'),
          resolvConfPath: join(root, 'resolv.conf'),
          hostnamePath: undefined,
        },
        ...rest,
      });
    }

    before(() => {
      for (const folder of ['state', 'shm', 'rootfs/bin', 'rootfs/etc', 'rootfs/tmp', 'hugetlb']) {
        mkdirSync(join(root, folder), { recursive: true });
      }
      copyFileSync(busybox, join(root, 'rootfs/bin/busybox'));
      writeFileSync(join(root, 'rootfs/etc/masked'), 'visible\n');
      for (const applet of applets) symlinkSync('busybox', join(root, 'rootfs/bin', applet));
      writeFileSync(join(root, 'resolv.conf'), 'nameserver 192.0.2.1\n');
      // On hybrid hosts crun wants every controller on v1; the hierarchy exists while it is mounted.
      if (!existsSync('/sys/fs/cgroup/cgroup.controllers')) {
        spawnSync('mount', ['-t', 'cgroup', '-o', 'hugetlb', 'cgroup', hugetlb]);
      }
    });

    after(() => {
      for (const base of [
        hugetlb,
        ...readdirSync('/sys/fs/cgroup').map((name) => join('/sys/fs/cgroup', name)),
      ]) {
        const path = join(base, parent);
        if (existsSync(path)) rmdirSync(path);
      }
      spawnSync('umount', [hugetlb], { stdio: 'ignore' });
      rmSync(root, { recursive: true, force: true });
    });

    const status =
      'grep -E "^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):" /proc/self/status; id -u; id -g; id -G';

    test('root with the default capabilities, without a filter', async () => {
      const caps = maskOf(['CAP_CHOWN', 'CAP_KILL']);
      assert.equal(
        await printed(input({}), status),
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
        await printed(input({}, security, files), status),
        `CapInh:\t${none}\nCapPrm:\t${none}\nCapEff:\t${none}\nCapBnd:\t${maskOf(['CAP_CHOWN', 'CAP_KILL'])}\nCapAmb:\t${none}\nNoNewPrivs:\t1\nSeccomp:\t2\n1000\n1000\n1000 1234 50000\n`,
      );
    });

    test('an ambient capability reaches a user that is not root', async () => {
      const security = { runAsUser: 1000, addAmbientCapabilities: ['NET_ADMIN'] };
      const text = await printed(input({}, security), 'grep -E "^Cap(Eff|Amb):" /proc/self/status');
      const caps = maskOf(['CAP_NET_ADMIN']);
      assert.equal(text, `CapEff:\t${caps}\nCapAmb:\t${caps}\n`);
    });

    test('privileged has the whole bounding set and a writable sysfs', async () => {
      const text = await printed(
        input({}, { privileged: true, maskedPaths: ['/bin/ls'] }),
        'grep CapEff: /proc/self/status; mount | grep -c "on /sys type sysfs (rw"; ls / >/dev/null && echo listed',
      );
      assert.equal(text, `CapEff:\t${maskOf(ownBounding())}\n1\nlisted\n`);
    });

    test('the default filter stops new namespaces, with and without the capability', async () => {
      const seccomp = { type: 'runtime-default' } as const;
      const script =
        'unshare -U true 2>&1; mount -t tmpfs none /tmp 2>&1; touch /tmp/x && chmod 600 /tmp/x && echo works';
      assert.match(
        await printed(input({}, { seccomp }), script),
        /Operation not permitted\n.*(Operation not permitted|permission denied).*\nworks\n$/s,
      );
      const admin = { seccomp, addCapabilities: ['SYS_ADMIN'] };
      assert.equal(await printed(input({}, admin), script), 'works\n');
    });

    test('a localhost profile denies what it names', async () => {
      const security = { seccomp: { type: 'localhost', localhostRef: '/profiles/chmod.json' } } as const;
      const localhostSeccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['chmod', 'fchmod', 'fchmodat', 'fchmodat2'], action: 'SCMP_ACT_ERRNO' }],
      };
      const text = await printed(
        input({}, security, { localhostSeccomp }),
        'touch /tmp/y; chmod 600 /tmp/y 2>&1',
      );
      assert.match(text, /Operation not permitted/);
    });

    test('masked and read-only paths, a read-only root, mounts and limits', async () => {
      mkdirSync(join(root, 'volume'), { recursive: true });
      const text = await printed(
        input(
          {
            mounts: [
              {
                containerPath: '/data',
                hostPath: join(root, 'volume'),
                readonly: true,
                recursiveReadOnly: false,
                selinuxRelabel: false,
                propagation: 'private',
                image: '',
                imageSubPath: '',
                hasIdMappings: false,
              },
            ],
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

    test('exec has the identity and the rights of the container', async () => {
      const spec = buildSpec(
        input(
          { command: ['/bin/sleep', '60'], envs: [{ key: 'COLOR', value: 'blue\nsky' }] },
          { runAsUser: 7, supplementalGroups: [8], seccomp: { type: 'runtime-default' }, noNewPrivs: true },
          { defaults: { ...plainDefaults, ulimits: ['core=-1:-1', 'nofile=64:64'] } },
        ),
      );
      const text = await withContainer(spec, (id) => {
        const file = join(root, `${id}.process.json`);
        // As after a restart of the daemon: the stored spec has been through JSON.
        const stored = (JSON.parse(serializeSpec(spec)) as RuntimeSpec).process;
        const script = `id -u; id -G; echo "$COLOR"; grep -E "^(Seccomp|NoNewPrivs):" /proc/self/status; grep "open files" /proc/self/limits`;
        writeFileSync(file, JSON.stringify(execProcess(stored, ['/bin/sh', '-c', script], false)));
        const result = run(['exec', '--process', file, id]);
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
      const { host, sandbox, defaults } = input({});
      const spec = infraSpec({
        sandbox,
        host,
        defaults,
        rootfsPath: rootfs,
        pausePath: '/pause',
        resources: { oomScoreAdj: -998 },
        processLabel: '',
        mountLabel: '',
      });
      await withContainer(spec, async (id) => {
        await sleep(100);
        const state = JSON.parse(run(['state', id]).output) as { status: string; pid: number };
        assert.equal(state.status, 'running');
        const text = readFileSync(`/proc/${state.pid}/status`, 'utf8');
        assert.match(text, /^Uid:\t65535\t/m);
        assert.match(text, /^CapBnd:\t0{16}$/m);
        assert.match(text, /^Seccomp:\t2$/m);
        assert.match(text, /^NSpid:\t\d+\t1$/m);
      });
    });
  });
}
