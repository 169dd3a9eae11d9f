import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicy } from './policy-document.ts';

const accept = [{ type: 'insecureAcceptAnything' }];

function parse(document: unknown): ReturnType<typeof parsePolicy> {
  return parsePolicy(Buffer.from(typeof document === 'string' ? document : JSON.stringify(document)));
}

test('a policy of every requirement is read', () => {
  const policy = parse({
    default: [{ type: 'reject' }],
    transports: {
      docker: {
        'r.io/a': [
          { type: 'signedBy', keyType: 'GPGKeys', keyPath: '/k' },
          { type: 'sigstoreSigned', keyDatas: ['YQ==', 'Yg=='], rekorPublicKeyPath: '/r' },
        ],
        '': accept,
      },
      atomic: { 'any:thing': accept },
    },
  });
  assert.deepEqual(policy.default, [{ type: 'reject' }]);
  assert.deepEqual(policy.transports.get('docker')?.get('r.io/a'), [
    {
      type: 'signedBy',
      keyType: 'GPGKeys',
      keys: { paths: ['/k'], data: [] },
      identity: { type: 'matchRepoDigestOrExact' },
    },
    {
      type: 'sigstoreSigned',
      keys: { paths: [], data: ['YQ==', 'Yg=='] },
      authority: undefined,
      rekorKeys: { paths: ['/r'], data: [] },
      identity: { type: 'matchRepoDigestOrExact' },
    },
  ]);
});

const signedBy = { type: 'signedBy', keyType: 'GPGKeys' };
const sigstore = { type: 'sigstoreSigned' };
const refusals: readonly (readonly [document: unknown, message: RegExp])[] = [
  ['{', /JSON/],
  ['[]', /not an object/],
  [{ transports: {} }, /no key "default"/],
  [{ default: [] }, /default is not a non-empty list/],
  [{ default: accept, extra: 1 }, /unknown key "extra"/],
  [
    '{"default":[{"type":"reject"}],"default":[{"type":"insecureAcceptAnything"}]}',
    /"default" is there twice/,
  ],
  [{ default: [{ type: 'signedByMagic' }] }, /default\[0\] has an unknown type "signedByMagic"/],
  [{ default: [{ type: 'reject', because: 'x' }] }, /unknown key "because"/],
  [{ default: accept, transports: { docker: { a: [] } } }, /transports\.docker\["a"\]/],
  [{ default: [{ ...signedBy }] }, /none of keyPath, keyPaths and keyData/],
  [{ default: [{ ...signedBy, keyPath: '/a', keyData: 'YQ==' }] }, /both keyPath and keyData/],
  [{ default: [{ ...signedBy, keyData: 'not base64!' }] }, /keyData is not base64/],
  [{ default: [{ ...signedBy, keyPaths: [] }] }, /keyPaths is not a non-empty list/],
  [{ default: [{ type: 'signedBy', keyType: 'PGP', keyPath: '/a' }] }, /keyType "PGP" is unknown/],
  [
    { default: [{ ...signedBy, keyPath: '/a', signedIdentity: { type: 'matchAll' } }] },
    /unknown type "matchAll"/,
  ],
  [
    {
      default: [
        { ...signedBy, keyPath: '/a', signedIdentity: { type: 'exactReference', dockerReference: 'r.io/a' } },
      ],
    },
    /no full reference/,
  ],
  [
    { default: [{ ...signedBy, keyPath: '/a', signedIdentity: { type: 'matchExact', prefix: 'r.io' } }] },
    /unknown key "prefix"/,
  ],
  [{ default: [{ ...sigstore }] }, /exactly one of/],
  [{ default: [{ ...sigstore, keyPath: '/a', fulcio: {} }] }, /exactly one of/],
  [{ default: [{ ...sigstore, keyPath: '/a', keyType: 'GPGKeys' }] }, /unknown key "keyType"/],
  [
    { default: [{ ...sigstore, keyPath: '/a', rekorPublicKeyPath: '/r', rekorPublicKeyData: 'YQ==' }] },
    /both rekorPublicKeyPath and rekorPublicKeyData/,
  ],
];

for (const [document, message] of refusals) {
  test(`refused: ${typeof document === 'string' ? document : JSON.stringify(document)}`, () => {
    assert.throws(() => parse(document), { message });
  });
}
