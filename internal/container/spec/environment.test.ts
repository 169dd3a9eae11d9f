import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EnvironmentInput, environment } from './environment.ts';

const plain: EnvironmentInput = {
  defaults: [],
  image: [],
  request: [],
  hostname: 'h',
  home: '/root',
  tty: false,
};
const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

test('environment orders: ours, config file, image, request; the later wins', () => {
  assert.deepEqual(environment(plain), [path, 'HOSTNAME=h', 'HOME=/root']);
  assert.deepEqual(
    environment({
      ...plain,
      tty: true,
      defaults: ['A=default', 'B=default', 'C=default'],
      image: ['B=image', 'C=image', 'PATH=/image', 'NOVALUE', '=x', 'EMPTY='],
      request: [
        { key: 'C', value: 'first' },
        { key: 'C', value: 'two\nlines' },
        { key: 'HOSTNAME', value: 'other' },
      ],
    }),
    [
      'PATH=/image',
      'TERM=xterm',
      'HOSTNAME=other',
      'HOME=/root',
      'A=default',
      'B=image',
      'C=two\nlines',
      'EMPTY=',
    ],
  );
});

for (const [name, request] of [
  ['a NUL in a value', { key: 'A', value: 'x\0y' }],
  ['a NUL in a name', { key: 'A\0', value: '' }],
  ['a line break in a name', { key: 'A\nB', value: '' }],
  ['an equals sign in a name', { key: 'A=B', value: '' }],
  ['an empty name', { key: '', value: '' }],
  ['a line break in HOME', { key: 'HOME', value: '/\nroot:x:0:0::/:/bin/sh' }],
] as const) {
  test(`environment refuses ${name}`, () => {
    assert.throws(() => environment({ ...plain, request: [request] }), { kind: 'invalid-argument' });
  });
}

test('environment does not show a value in its message', () => {
  assert.throws(
    () => environment({ ...plain, request: [{ key: 'TOKEN', value: 'secret\0' }] }),
    (error: Error) => error.message.includes('TOKEN') && !error.message.includes('secret'),
  );
});
