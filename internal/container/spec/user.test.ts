import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxAccountFileBytes } from './account-files.ts';
import { type ResolvedUser, resolveUser, type UserInput } from './user.ts';

const passwdText = [
  'root:x:0:0:root:/root:/bin/sh',
  'app:x:1000:1000::/home/app:/bin/sh',
  '123:x:0:0::/digits:/bin/sh',
  'evil:x:1001:1001::/home\u0001:/bin/sh',
  'broken:x:99999999999:0::/:/bin/sh',
  '# comment:x:0:0::/:',
].join('\n');
const groupText = ['root:x:0:root', 'extra:x:50000:other,app', 'wheel:x:10:', 'big:x:4294967296:app'].join(
  '\n',
);

const security: UserInput['security'] = {
  runAsUser: undefined,
  runAsGroup: undefined,
  runAsUsername: '',
  supplementalGroups: [],
  supplementalGroupsPolicy: 'merge',
};

function resolve(imageUser: string, part: Partial<UserInput['security']> = {}): ResolvedUser {
  return resolveUser({ security: { ...security, ...part }, imageUser, passwdText, groupText });
}

const cases: readonly (readonly [
  name: string,
  imageUser: string,
  part: Partial<UserInput['security']>,
  expected: ResolvedUser,
])[] = [
  ['no user is root', '', {}, { uid: 0, gid: 0, additionalGids: [0], home: '/root' }],
  ['a name', 'app', {}, { uid: 1000, gid: 1000, additionalGids: [1000, 50000], home: '/home/app' }],
  [
    'a number with a passwd line',
    '1000',
    {},
    { uid: 1000, gid: 1000, additionalGids: [1000, 50000], home: '/home/app' },
  ],
  ['a number without', '77', {}, { uid: 77, gid: 0, additionalGids: [0], home: '/' }],
  ['digits are never a name', '123', {}, { uid: 123, gid: 0, additionalGids: [0], home: '/' }],
  [
    'name and group name',
    'app:wheel',
    {},
    { uid: 1000, gid: 10, additionalGids: [10, 50000], home: '/home/app' },
  ],
  ['numbers of both', '5:6', {}, { uid: 5, gid: 6, additionalGids: [6], home: '/' }],
  [
    'the request before the image, whose group goes with its user',
    'app:wheel',
    { runAsUser: 77 },
    { uid: 77, gid: 0, additionalGids: [0], home: '/' },
  ],
  [
    'a requested name',
    '',
    { runAsUsername: 'app' },
    { uid: 1000, gid: 1000, additionalGids: [1000, 50000], home: '/home/app' },
  ],
  [
    'a requested group',
    '',
    { runAsUser: 1001, runAsGroup: 1002 },
    { uid: 1001, gid: 1002, additionalGids: [1002], home: '/' },
  ],
  [
    'merge: primary, requested, image',
    'app',
    { supplementalGroups: [1234, 1000] },
    { uid: 1000, gid: 1000, additionalGids: [1000, 1234, 50000], home: '/home/app' },
  ],
  [
    'strict: without those of the image',
    'app',
    { supplementalGroups: [1234], supplementalGroupsPolicy: 'strict' },
    { uid: 1000, gid: 1000, additionalGids: [1000, 1234], home: '/home/app' },
  ],
];

for (const [name, imageUser, part, expected] of cases) {
  test(`resolveUser: ${name}`, () => {
    assert.deepEqual(resolve(imageUser, part), expected);
  });
}

for (const [name, imageUser, part] of [
  ['a group without a user', 'app', { runAsGroup: 5 }],
  ['an unknown name', 'nobody-here', {}],
  ['an unknown group', 'app:none', {}],
  ['a number above 2^31 - 1', '2147483648', {}],
  ['a number of many digits', '18446744073709551616', {}],
  ['a negative number', '-1', {}],
  ['a group out of range', '0:4294967296', {}],
  ['a name whose passwd line is out of range', 'broken', {}],
  ['a supplemental group out of range', '', { supplementalGroups: [2 ** 31] }],
] as const) {
  test(`resolveUser refuses ${name}`, () => {
    assert.throws(() => resolve(imageUser, part), { kind: 'invalid-argument' });
  });
}

test('resolveUser takes no home with a control character', () => {
  assert.equal(resolve('evil').home, '/');
});

test('resolveUser refuses account files of more than 1 MiB', () => {
  const huge = 'x'.repeat(maxAccountFileBytes + 1);
  assert.throws(() => resolveUser({ security, imageUser: '', passwdText: huge, groupText: '' }), {
    kind: 'failed-precondition',
    message: /\/etc\/passwd of the image is larger than 1 MiB/,
  });
});
