import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bannedList, bannedMask, findBanned, withLine } from './irqbalance-lines.ts';

const file = `# irqbalance
#IRQBALANCE_BANNED_CPUS=
IRQBALANCE_BANNED_CPUS=f0
IRQBALANCE_ARGS="--policyscript=/x"
IRQBALANCE_BANNED_CPUS="000000ff" `;

test('the variable that irqbalance looks at', () => {
  assert.deepEqual(findBanned(file), {
    name: bannedMask,
    line: 'IRQBALANCE_BANNED_CPUS="000000ff" ',
    value: '000000ff',
  });
  assert.equal(findBanned(`IRQBALANCE_BANNED_CPULIST=\n${file}`)?.value, '000000ff');
  assert.equal(findBanned(`IRQBALANCE_BANNED_CPULIST='1-3'\n${file}`)?.value, '000000ff');
  assert.equal(findBanned("IRQBALANCE_BANNED_CPUS=\nIRQBALANCE_BANNED_CPULIST='1-3'\n")?.value, '1-3');
  assert.equal(findBanned('IRQBALANCE_BANNED_CPULIST=\n')?.name, bannedList);
  assert.equal(findBanned('# IRQBALANCE_BANNED_CPUS=1\n'), undefined);
});

test('a line takes the place of all of its name, and goes again', () => {
  assert.equal(
    withLine(file, bannedMask, 'IRQBALANCE_BANNED_CPUS="1"'),
    '# irqbalance\n#IRQBALANCE_BANNED_CPUS=\nIRQBALANCE_BANNED_CPUS="1"\nIRQBALANCE_ARGS="--policyscript=/x"\n',
  );
  assert.equal(withLine('A=1', bannedMask, 'B=2'), 'A=1\nB=2\n');
  assert.equal(withLine('A=1\n', bannedMask, 'B=2'), 'A=1\nB=2\n');
  assert.equal(withLine('', bannedMask, 'B=2'), 'B=2\n');
  assert.equal(withLine(`A=1\n${bannedMask}=2\n`, bannedMask, undefined), 'A=1\n');
});
