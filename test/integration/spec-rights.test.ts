// The identity, capabilities and filter of the generated spec as real OCI runtimes take it, seen from inside the container.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildSpec } from '../../internal/container/spec/build-spec.ts';
import { execProcess } from '../../internal/container/spec/process-spec.ts';
import { serializeSpec } from '../../internal/container/spec/serialize-spec.ts';
import type { RuntimeSpec } from '../../internal/oci/runtime-spec.ts';
import { kernelCapabilities } from '../../internal/sys/capabilities.ts';
import { BundleRunner, ownBounding, reasonToSkip, runtimes } from '../fixtures/bundle-runner.ts';
import { plainDefaults } from '../fixtures/spec-input.ts';

function maskOf(names: readonly string[]): string {
  const bits = names.map((name) => 1n << BigInt(kernelCapabilities.indexOf(name)));
  return bits
    .reduce((mask, bit) => mask | bit, 0n)
    .toString(16)
    .padStart(16, '0');
}

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

    test('the default filter: EPERM for what it denies, and as in an older kernel for what is new', async () => {
      const source = fileURLToPath(new URL('../../../test/native/syscalls.c', import.meta.url));
      const program = join(root, 'rootfs/bin/syscalls');
      execFileSync('cc', ['-static', '-o', program, source], { stdio: 'inherit' });
      const seccomp = { type: 'runtime-default' } as const;
      const answers = async (calls: Readonly<Record<string, string>>, more: readonly string[] = []) => {
        const security = { seccomp, addCapabilities: more };
        const script = `/bin/syscalls ${Object.keys(calls).join(' ')}`;
        const expected = Object.entries(calls).map(([call, answer]) => `${call} ${answer}\n`);
        assert.equal(await runner.printed(runner.input({}, security), script), expected.join(''));
      };
      // By x86-64's numbers; those from 424 on are the same everywhere.
      const vsock = { '41:40': 'EPERM', '41:2': 'EINVAL' };
      const namespaces = { '272:0x10000000': 'EPERM', '56:0x10000011': 'EPERM', '308': 'EPERM' };
      const x86 = process.arch === 'x64' ? { ...vsock, ...namespaces, '250': 'EPERM', '321': 'EPERM' } : {};
      await answers({ ...x86, '425': 'EPERM', '428': 'EPERM', '435': 'ENOSYS', '900': 'ENOSYS' });
      const admin = process.arch === 'x64' ? { '308': 'EBADF', '321': 'E2BIG' } : {};
      await answers({ ...admin, '425': 'EPERM', '435': 'E2BIG', '900': 'ENOSYS' }, ['SYS_ADMIN']);
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

    test('every capability under the default filter', async () => {
      const security = { addCapabilities: ['ALL'], seccomp: { type: 'runtime-default' } } as const;
      assert.equal(
        await runner.printed(runner.input({}, security), 'grep -E "^(CapEff|Seccomp):" /proc/self/status'),
        `CapEff:\t${maskOf(ownBounding())}\nSeccomp:\t2\n`,
      );
    });

    test('exec has the identity and the rights of the container', async () => {
      const spec = buildSpec(
        runner.input(
          { command: ['/bin/sleep', '60'], envs: [{ key: 'COLOR', value: 'blue\nsky' }] },
          { runAsUser: 7, supplementalGroups: [8], seccomp: { type: 'runtime-default' }, noNewPrivs: true },
          { defaults: { ...plainDefaults, ulimits: ['locks=-1:-1', 'nofile=64:64'] } },
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
  });
}
