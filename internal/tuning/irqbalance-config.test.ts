import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { manualTimer } from '../../test/fakes/manual-timer.ts';
import { CpuTree } from '../../test/harness/cpu-tree.ts';
import { until } from '../../test/harness/until.ts';

const all = () => true;

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

  test('a service whose restart hangs keeps no container from its start, and is restarted all the same', async (t) => {
    tree = new CpuTree(4);
    tree.write('irqbalance', '');
    const waiting = `echo begun >> ${tree.root}/calls; until [ -e ${tree.root}/go ]; do sleep 0.02; done`;
    tree.program(
      'systemctl',
      `[ "$1" = restart ] || exec echo enabled\n${waiting}; echo done >> ${tree.root}/calls`,
    );
    const tuning = await tree.open();
    const patience = manualTimer(t, 3000);
    const starting = tuning.apply('a', { cpus: '2', irq: 'disable' });
    await until('it has begun', () => calls().includes('begun'));
    patience.goOff();
    await starting;
    assert.deepEqual(tree.said, [
      {
        level: 'warn',
        text: 'irqbalance takes long: the container is started, and devices may interrupt its CPUs until it is done',
        fields: { containerId: 'a' },
      },
    ]);
    tree.write('go', '');
    await until('it is done', () => calls().includes('done'));
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
