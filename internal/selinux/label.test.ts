import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labelsAt, levelOf, parseContexts, withOptions } from './label.ts';

const text = `
process = "system_u:system_r:container_t:s0"
# a comment
content = "system_u:object_r:virt_var_lib_t:s0"
file = "system_u:object_r:container_file_t:s0"
ro_file="system_u:object_r:container_ro_file_t:s0"
kvm_process = "system_u:system_r:container_kvm_t:s0"
`;
const contexts = parseContexts(text);
assert.ok(contexts);
const pod = labelsAt(contexts, 's0:c12,c345');
const none = { user: '', role: '', type: '', level: '' };

test('the policy’s file gives the labels of containers', () => {
  assert.equal(contexts.readOnlyFile, 'system_u:object_r:container_ro_file_t:s0');
  assert.equal(parseContexts('process = "a:b:c:s0"\n'), undefined);
  assert.equal(parseContexts('process = "a:b:c:s0"\nfile = "a:b:d:s0"')?.readOnlyFile, 'a:b:d:s0');
  assert.deepEqual(pod, {
    process: 'system_u:system_r:container_t:s0:c12,c345',
    mount: 'system_u:object_r:container_file_t:s0:c12,c345',
  });
  assert.equal(levelOf(pod.mount), 's0:c12,c345');
});

test('options take the place of what they name; files follow in user and level', () => {
  assert.equal(withOptions(pod, undefined), pod);
  assert.deepEqual(withOptions(pod, { ...none, level: 's0' }), {
    process: 'system_u:system_r:container_t:s0',
    mount: 'system_u:object_r:container_file_t:s0',
  });
  assert.deepEqual(withOptions(pod, { user: 'u', role: 'r', type: 'spc_t', level: 's0-s0:c0.c1023' }), {
    process: 'u:r:spc_t:s0-s0:c0.c1023',
    mount: 'u:object_r:container_file_t:s0-s0:c0.c1023',
  });
});

test('options that are no words of a label are refused', () => {
  for (const level of ['s0,c4,c5', 's0:', 'c1,c2', 's0:c1,c2"', 's0:c1,c2,x', ' s0'])
    assert.throws(() => withOptions(pod, { ...none, level }), { kind: 'invalid-argument' }, level);
  for (const type of ['a:b', 'a,b', 'a b', '"', '-x'])
    assert.throws(() => withOptions(pod, { ...none, type }), { kind: 'invalid-argument' }, type);
  assert.throws(() => withOptions(pod, { ...none, user: 'u,context=x' }), { kind: 'invalid-argument' });
});
