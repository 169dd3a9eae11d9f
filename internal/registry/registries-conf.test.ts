import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRegistriesConf, type RegistriesDocument } from './registries-conf.ts';
import { endpointsOf } from './routes.ts';

const readConf = (text: string): RegistriesDocument => parseRegistriesConf(text, 'f.conf');
const digest = `sha256:${'a'.repeat(64)}` as const;

/** Where `host/path:tag` or `host/path@digest` is looked for; `!` marks insecure places. */
function places(conf: string, reference: string): string[] {
  const [, name = '', separator, version = ''] = /^(.*\/[^:@]+)([:@])(.*)$/.exec(reference) ?? [];
  const slash = name.indexOf('/');
  const repository = { host: name.slice(0, slash), path: name.slice(slash + 1) };
  const wanted = separator === '@' ? { digest } : { tag: version };
  return endpointsOf(repository, wanted, readConf(conf).registries).map(
    ({ repository: { host, path }, insecure }) => `${host}/${path}${insecure ? '!' : ''}`,
  );
}

const mirrors = `
unqualified-search-registries = ["docker.io", "quay.io"]
[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "one.example:5000/hub"
insecure = true
[[registry.mirror]]
location = "two.example"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "three.example"
pull-from-mirror = "tag-only"
[[registry]]
prefix = "docker.io/library"
location = "four.example/lib"
insecure = true
[aliases]
nginx = "docker.io/library/nginx"
`;

test('a registry without a table is its own only place', () => {
  assert.deepEqual(places(mirrors, 'ghcr.io/a/b:v1'), ['ghcr.io/a/b']);
  assert.deepEqual(places('', 'ghcr.io/a/b:v1'), ['ghcr.io/a/b']);
});

test('mirrors come first, in order, by what they are for', () => {
  const byTag = ['one.example:5000/hub/a/b!', 'three.example/a/b', 'docker.io/a/b'];
  assert.deepEqual(places(mirrors, 'docker.io/a/b:v1'), byTag);
  const byDigest = ['one.example:5000/hub/a/b!', 'two.example/a/b', 'docker.io/a/b'];
  assert.deepEqual(places(mirrors, `docker.io/a/b@${digest}`), byDigest);
});

test('the longest prefix wins and is what gets rewritten', () => {
  assert.deepEqual(places(mirrors, 'docker.io/library/x:v1'), ['four.example/lib/x!']);
  assert.deepEqual(places(mirrors, 'docker.io/library-not/x:v1').at(-1), 'docker.io/library-not/x');
});

test('a host does not match the same host with a port', () => {
  const conf = '[[registry]]\nlocation = "r.io"\ninsecure = true';
  assert.deepEqual(places(conf, 'r.io:5000/a:v1'), ['r.io:5000/a']);
  assert.deepEqual(places(conf, 'r.io/a:v1'), ['r.io/a!']);
});

test('a prefix may name one tag', () => {
  const conf = '[[registry]]\nprefix = "r.io/a:v1"\nlocation = "s.io/b"';
  assert.deepEqual(places(conf, 'r.io/a:v1'), ['s.io/b']);
  assert.deepEqual(places(conf, 'r.io/a:v10'), ['r.io/a']);
});

test('a wildcard stands for hosts of any depth', () => {
  const conf = '[[registry]]\nprefix = "*.example.com"\ninsecure = true\n';
  assert.deepEqual(places(conf, 'a.b.example.com/x:v1'), ['a.b.example.com/x!']);
  assert.deepEqual(places(conf, 'a.example.com:5000/x:v1'), ['a.example.com:5000/x!']);
  assert.deepEqual(places(conf, 'example.com/x:v1'), ['example.com/x']);
  assert.deepEqual(places(conf, 'evil.io/a.example.com/x:v1'), ['evil.io/a.example.com/x']);
  const moved = '[[registry]]\nprefix = "*.example.com"\nlocation = "r.io/all"';
  assert.deepEqual(places(moved, 'a.example.com/x/y:v1'), ['r.io/all/x/y']);
});

test('a blocked registry is refused', () => {
  const conf = '[[registry]]\nlocation = "r.io"\nblocked = true';
  assert.throws(() => places(conf, 'r.io/a:v1'), /registry "r.io" is blocked/);
});

test('parseRegistriesConf reads short names', () => {
  const { searchRegistries, aliases, warnings } = readConf(mirrors);
  assert.deepEqual(searchRegistries, ['docker.io', 'quay.io']);
  assert.equal(aliases.get('nginx'), 'docker.io/library/nginx');
  assert.deepEqual(warnings, []);
  assert.equal(readConf('').searchRegistries, undefined);
});

test('parseRegistriesConf reports what it does not support', () => {
  const { warnings } = readConf(
    'additional-layer-store-auth-helper = "x"\n[[registry]]\nlocation = "a"\nnew = 1',
  );
  assert.deepEqual(warnings, [
    'key "additional-layer-store-auth-helper" is not supported and has no effect',
    'key "registry.new" is not supported and has no effect',
  ]);
});

test('parseRegistriesConf reads credential helpers', () => {
  const { credentialHelpers, warnings } = readConf(
    'credential-helpers = ["containers-auth.json", "ecr-login"]',
  );
  assert.deepEqual(credentialHelpers, ['containers-auth.json', 'ecr-login']);
  assert.deepEqual(warnings, []);
  assert.equal(readConf('').credentialHelpers, undefined);
});

test('parseRegistriesConf refuses what it would misread', () => {
  const cases: [RegExp, string][] = [
    [/version 1/, '[registries.search]\nregistries = ["a"]'],
    [/f\.conf:1:13: registry: unexpected end of the file/, 'registry = ['],
    [/"insecure" is not true or false/, '[[registry]]\nlocation = "a"\ninsecure = "yes"'],
    [/neither "prefix" nor "location"/, '[[registry]]\nblocked = true'],
    [/has no "location"/, '[[registry]]\nprefix = "a"'],
    [/without a scheme/, '[[registry]]\nlocation = "https://a"'],
    [/first label/, '[[registry]]\nprefix = "a.*.com"\nlocation = "b"'],
    [/cannot have a path/, '[[registry]]\nprefix = "*.a.com/x"'],
    [/not a list of tables/, 'registry = "a"'],
    [/expected "enforcing", "permissive" or "disabled"/, 'short-name-mode = "never"'],
    [/alias "x" is "x\/y", expected a repository with its registry/, '[aliases]\nx = "x/y"'],
    [/alias "x" is "r\.io\/y:v1", expected .* without a tag/, '[aliases]\nx = "r.io/y:v1"'],
    [/not a list of strings/, 'unqualified-search-registries = "a"'],
    [/mirror\]\] has no "location"/, '[[registry]]\nlocation = "a"\n[[registry.mirror]]\ninsecure = true'],
    [
      /together with "mirror-by-digest-only"/,
      '[[registry]]\nlocation = "a"\nmirror-by-digest-only = true\n[[registry.mirror]]\nlocation = "b"\npull-from-mirror = "all"',
    ],
    [
      /expected "all"/,
      '[[registry]]\nlocation = "a"\n[[registry.mirror]]\nlocation = "b"\npull-from-mirror = "never"',
    ],
  ];
  for (const [expected, conf] of cases) assert.throws(() => readConf(conf), expected, conf);
});
