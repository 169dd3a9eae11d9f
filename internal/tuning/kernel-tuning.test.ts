import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { CpuTree } from '../../test/harness/cpu-tree.ts';

const all = () => true;
const none = () => false;

describe('interrupts', () => {
  let tree: CpuTree;
  afterEach(() => rmSync(tree.root, { recursive: true, force: true }));

  test('the mask lacks the CPUs of all containers that ask for it, and has them again when the last of these is gone', async () => {
    tree = new CpuTree(8);
    const tuning = await tree.open();
    await Promise.all([
      tuning.apply('a', { cpus: '2-3', irq: 'disable' }),
      tuning.apply('b', { cpus: '3-4', irq: 'disable' }),
      tuning.apply('a', { cpus: '2-3', irq: 'disable' }),
    ]);
    assert.equal(tree.mask, 'e3');
    await tuning.release('a');
    assert.equal(tree.mask, 'e7');
    await tuning.release('b');
    await tuning.release('b');
    assert.equal(tree.mask, 'ff');
  });

  test('what others change in the mask meanwhile stays', async () => {
    tree = new CpuTree(8);
    tree.write('proc/irq/default_smp_affinity', '7f');
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '6-7', irq: 'disable' });
    assert.equal(tree.mask, '3f');
    tree.write('proc/irq/default_smp_affinity', '3e');
    await tuning.release('a');
    assert.equal(tree.mask, '7e');
  });

  test('housekeeping leaves the first CPU of the container and its siblings in the mask', async () => {
    tree = new CpuTree(8);
    tree.write('sys/devices/system/cpu/cpu2/topology/thread_siblings_list', '2,6,7');
    const tuning = await tree.open();
    const told = (cpus: string) => tuning.environment({ irq: 'housekeeping' }, cpus);
    assert.deepEqual(await told('2-4,6'), { OPENSHIFT_HOUSEKEEPING_CPUS: '2,6' });
    assert.deepEqual(await told('3-4'), { OPENSHIFT_HOUSEKEEPING_CPUS: '3' });
    assert.deepEqual(await tuning.environment({ irq: 'disable' }, '3-4'), {});
    await tuning.apply('a', { cpus: '2-4,6', irq: 'housekeeping' });
    assert.equal(tree.mask, 'e7');
  });

  test('a container that would leave no CPU for interrupts is refused, and nothing is changed', async () => {
    tree = new CpuTree(4);
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '0-1', irq: 'disable' });
    await assert.rejects(tuning.apply('b', { cpus: '2-3', irq: 'disable' }), {
      kind: 'failed-precondition',
      message:
        'the node cannot be set up for the CPUs of container "b": no CPU would be left for interrupts, all of 0-3 are in 0-3; leave CPUs to the system (reservedSystemCPUs)',
    });
    assert.equal(tree.mask, 'c');
    await tuning.release('a');
    assert.equal(tree.mask, 'f');
  });

  test('CPUs that are offline take no interrupts', async () => {
    tree = new CpuTree(4);
    tree.write('sys/devices/system/cpu/online', '0-1');
    const tuning = await tree.open();
    await assert.rejects(tuning.apply('a', { cpus: '0-1', irq: 'disable' }), /no CPU would be left for/);
    await tuning.apply('a', { cpus: '1', irq: 'disable' });
    assert.equal(tree.mask, 'd');
  });

  test('a kernel without the mask refuses the container', async () => {
    tree = new CpuTree(4);
    rmSync(join(tree.root, 'proc/irq'), { recursive: true });
    const tuning = await tree.open();
    await assert.rejects(
      tuning.apply('a', { cpus: '1', irq: 'disable' }),
      /default_smp_affinity holds no mask/,
    );
    await tuning.apply('b', { cpus: '1' });
  });

  test('a daemon that dies leaves what its successor undoes', async () => {
    tree = new CpuTree(4);
    const first = await tree.open();
    await first.apply('a', { cpus: '1', irq: 'disable' });
    await first.apply('b', { cpus: '2', irq: 'disable' });
    const second = await tree.open();
    await second.settle((id) => id === 'b');
    assert.equal(tree.mask, 'b');
    const third = await tree.open();
    await third.settle(none);
    assert.equal(tree.mask, 'f');
  });

  test('a daemon that died between its note and the change', async () => {
    tree = new CpuTree(4);
    await (await tree.open()).apply('a', { cpus: '1', irq: 'disable' });
    tree.write('proc/irq/default_smp_affinity', 'f');
    const next = await tree.open();
    await next.settle(all);
    assert.equal(tree.mask, 'd');
    await next.release('a');
    assert.equal(tree.mask, 'f');
  });

  test('after a boot nothing is left to undo in the kernel', async () => {
    tree = new CpuTree(4);
    await (await tree.open()).apply('a', { cpus: '1', irq: 'disable' });
    tree.boot('second');
    tree.write('proc/irq/default_smp_affinity', '7');
    await (await tree.open()).settle(all);
    assert.equal(tree.mask, '7');
  });

  test('state of another version is left alone, and refuses', async () => {
    tree = new CpuTree(4);
    const file = join(tree.root, 'tuning.json');
    writeFileSync(file, '{"version": 99}');
    const tuning = await tree.open();
    await assert.rejects(
      tuning.apply('a', { cpus: '1', irq: 'disable' }),
      /version 99, expected 1; start the version of cria/,
    );
    await tuning.settle(none);
    assert.equal(readFileSync(file, 'utf8'), '{"version": 99}');
  });
});

describe('irqbalance', () => {
  let tree: CpuTree;
  afterEach(() => rmSync(tree.root, { recursive: true, force: true }));
  const config = () => readFileSync(join(tree.root, 'irqbalance'), 'utf8');
  const calls = () => (existsSync(join(tree.root, 'calls')) ? tree.read('calls').split('\n') : []);

  test('its file bans the containers’ CPUs beside those of the administrator, whose line comes back', async () => {
    tree = new CpuTree(8);
    const original = 'A=1\nIRQBALANCE_BANNED_CPUS=80 \nB=2';
    writeFileSync(join(tree.root, 'real'), original, { mode: 0o640 });
    symlinkSync('real', join(tree.root, 'irqbalance'));
    tree.write('proc/irq/default_smp_affinity', 'fe');
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '2-3', irq: 'disable' });
    assert.equal(config(), 'A=1\nIRQBALANCE_BANNED_CPUS="0000008d"\nB=2\n');
    await tuning.apply('b', { cpus: '4', irq: 'disable' });
    await tuning.release('a');
    assert.equal(config(), 'A=1\nIRQBALANCE_BANNED_CPUS="00000091"\nB=2\n');
    await tuning.release('b');
    assert.equal(config(), `${original}\n`);
  });

  test('a file that bans none gets the usual ones too; the newer variable is used where it is set', async () => {
    tree = new CpuTree(8);
    tree.write('sys/devices/system/cpu/isolated', '6');
    tree.write('sys/devices/system/cpu/nohz_full', '6-7');
    tree.write('irqbalance', '# nothing');
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '2-3', irq: 'disable' });
    assert.equal(config(), '# nothing\nIRQBALANCE_BANNED_CPUS="000000cc"\n');
    await tuning.release('a');
    assert.equal(config(), '# nothing\n');
    tree.write('irqbalance', 'IRQBALANCE_BANNED_CPULIST=1');
    await tuning.apply('a', { cpus: '2-3', irq: 'disable' });
    assert.equal(config(), 'IRQBALANCE_BANNED_CPULIST="1-3"\n');
  });

  test('a line that the administrator changes meanwhile is theirs from then on', async () => {
    tree = new CpuTree(8);
    tree.write('irqbalance', '');
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '2', irq: 'disable' });
    tree.write('irqbalance', 'IRQBALANCE_BANNED_CPUS=80');
    await tuning.apply('b', { cpus: '3', irq: 'disable' });
    assert.equal(config(), 'IRQBALANCE_BANNED_CPUS="0000008c"\n');
    await tuning.release('a');
    await tuning.release('b');
    assert.equal(config(), 'IRQBALANCE_BANNED_CPUS=80\n');
  });

  test('with another file, that of before gets its line back', async () => {
    tree = new CpuTree(8);
    tree.write('irqbalance', 'IRQBALANCE_BANNED_CPUS=80');
    tree.write('sysconfig', '');
    await (await tree.open()).apply('a', { cpus: '2', irq: 'disable' });
    const tuning = await tree.open('sysconfig');
    await tuning.settle(all);
    assert.equal(config(), 'IRQBALANCE_BANNED_CPUS=80\n');
    assert.equal(tree.read('sysconfig'), 'IRQBALANCE_BANNED_CPUS="00000004"');
    await tuning.release('a');
    assert.equal(tree.read('sysconfig'), '');
  });

  test('after a boot the line of the administrator is put back, and the mask of a restore file', async () => {
    tree = new CpuTree(8);
    tree.write('irqbalance', 'IRQBALANCE_BANNED_CPUS=80');
    await (await tree.open()).apply('a', { cpus: '2', irq: 'disable' });
    tree.boot('second');
    tree.write('proc/irq/default_smp_affinity', 'ff');
    await (await tree.open()).settle(all);
    assert.equal(config(), 'IRQBALANCE_BANNED_CPUS=80\n');
    tree.write('orig', '00000001');
    await (await tree.open()).settle(all);
    assert.equal(config(), 'IRQBALANCE_BANNED_CPUS="00000001"\n');
    tree.write('orig', 'nonsense');
    await (await tree.open()).settle(all);
    assert.match(JSON.stringify(tree.said.at(-1)), /orig holds no mask of CPUs; correct it/);
  });

  test('a value that is no set refuses the container and undoes the mask', async () => {
    tree = new CpuTree(8);
    tree.write('irqbalance', 'IRQBALANCE_BANNED_CPUS=all');
    const tuning = await tree.open();
    await assert.rejects(
      tuning.apply('a', { cpus: '2', irq: 'disable' }),
      /IRQBALANCE_BANNED_CPUS is "all", which is no set of CPUs/,
    );
    assert.equal(tree.mask, 'ff');
    assert.equal(config(), 'IRQBALANCE_BANNED_CPUS=all\n');
  });

  test('the service is restarted, or the program runs once; containers at one time share it', async () => {
    tree = new CpuTree(8);
    tree.program(
      'systemctl',
      `echo "systemctl $*" >> ${tree.root}/calls; [ "$1" = restart ] || echo enabled`,
    );
    tree.program('irqbalance', `echo "$IRQBALANCE_BANNED_CPUS $*" >> ${tree.root}/calls`);
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '2', irq: 'disable' });
    assert.deepEqual(calls(), ['00000004 --oneshot']);
    tree.write('irqbalance', '');
    rmSync(join(tree.root, 'calls'));
    await Promise.all(['b', 'c', 'd', 'e', 'f'].map((id) => tuning.apply(id, { cpus: '3', irq: 'disable' })));
    const restarts = calls().filter((call) => call === 'systemctl restart irqbalance');
    assert.ok(restarts.length >= 1 && restarts.length <= 2, calls().join('; '));
  });

  test('a service that systemd does not start any more since it was started often is started all the same', async () => {
    tree = new CpuTree(8);
    const limit = join(tree.root, 'limit');
    tree.program(
      'systemctl',
      `case $1 in is-enabled) echo enabled;; reset-failed) rm ${limit};; restart) [ ! -e ${limit} ] && echo restarted >> ${tree.root}/calls;; esac`,
    );
    tree.program('irqbalance', `echo once >> ${tree.root}/calls`);
    tree.write('irqbalance', '');
    tree.write('limit', 'reached');
    await (await tree.open()).apply('a', { cpus: '2', irq: 'disable' });
    assert.deepEqual(calls(), ['restarted']);
    assert.deepEqual(tree.said, []);
  });

  test('a service that does not start, and a program that fails, are in the log', async () => {
    tree = new CpuTree(8);
    tree.program('systemctl', '[ "$1" = is-enabled ] && echo enabled');
    tree.program('irqbalance', 'exit 3');
    tree.write('irqbalance', '');
    await (await tree.open()).apply('a', { cpus: '2', irq: 'disable' });
    assert.deepEqual(
      tree.said.map(({ level, text }) => `${level}: ${text}`),
      ['warn: cannot restart the service irqbalance', 'warn: irqbalance cannot move the interrupts'],
    );
  });
});

describe('what cannot be given back', () => {
  let tree: CpuTree;
  afterEach(() => rmSync(tree.root, { recursive: true, force: true }));

  test('is in the log and tried again with the next change', async () => {
    tree = new CpuTree(8);
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '2', irq: 'disable' });
    rmSync(join(tree.root, 'proc/irq/default_smp_affinity'));
    await tuning.release('a');
    assert.match(JSON.stringify(tree.said.at(-1)), /cannot give the node back.*holds no mask/);
    tree.write('proc/irq/default_smp_affinity', 'fb');
    await tuning.apply('b', { cpus: '3', irq: 'disable' });
    assert.equal(tree.mask, 'f7');
  });

  test('keeps no container from its start that asks for something else', async () => {
    tree = new CpuTree(8);
    tree.setLatency(3, '0');
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '2', irq: 'disable' });
    rmSync(join(tree.root, 'proc/irq/default_smp_affinity'));
    await tuning.release('a');
    await tuning.apply('b', { cpus: '3', resumeLatency: '10' });
    assert.equal(tree.latency(3), '10');
  });

  test('a state file that cannot be written refuses containers, and keeps none from its end', async () => {
    tree = new CpuTree(8);
    const tuning = await tree.open();
    await tuning.apply('a', { cpus: '2', irq: 'disable' });
    rmSync(join(tree.root, 'tuning.json'));
    mkdirSync(join(tree.root, 'tuning.json/x'), { recursive: true });
    await assert.rejects(tuning.apply('b', { cpus: '3', irq: 'disable' }), {
      kind: 'failed-precondition',
      message: `the node cannot be set up for the CPUs of container "b": ${tree.root}/tuning.json cannot be written (EISDIR)`,
    });
    assert.equal(tree.mask, 'fb');
    await tuning.release('a');
    assert.equal(tree.mask, 'ff');
  });
});
