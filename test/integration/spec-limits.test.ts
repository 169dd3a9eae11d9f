// The limits and devices of the generated spec as real OCI runtimes take them, and its infra container.

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { infraSpec } from '../../internal/container/spec/infra-spec.ts';
import { BundleRunner, reasonToSkip, runtimes } from '../fixtures/bundle-runner.ts';
import { plainDefaults, plainResources } from '../fixtures/spec-input.ts';

const pause = new URL('../../bin/cria-pause', import.meta.url).pathname;

const hasSwapAccounting =
  existsSync('/sys/fs/cgroup/cgroup.controllers') ||
  existsSync('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes');

for (const runtime of runtimes) {
  describe(`a generated spec under ${runtime}`, { skip: reasonToSkip(runtime) }, () => {
    const runner = new BundleRunner(runtime);
    const { root } = runner;
    after(() => runner.close());

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
        const state = JSON.parse(runner.run(['state', id]).output) as { status: string; pid: number };
        assert.equal(state.status, 'running');
        const isPause = () => readFileSync(`/proc/${state.pid}/cmdline`, 'utf8') === '/pause\0';
        while (!isPause()) await sleep(10); // until then it is still the runtime's own program
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
