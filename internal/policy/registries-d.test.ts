import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { completeReference, requireReference } from '../registry/reference.ts';
import { signaturePlace } from './registries-d.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync('/tmp/cria-registries-d-');
});
afterEach(() => rmSync(directory, { recursive: true }));

function put(name: string, text: string): void {
  writeFileSync(join(directory, name), text);
}

async function placeOf(reference: string) {
  const written = requireReference(reference);
  return signaturePlace(directory, completeReference(written, written.host ?? ''));
}

test('the closest entry that says something counts, for each of the two matters', async () => {
  put(
    'a.yaml',
    `---
# comment
default-docker:
  lookaside: file:///default   # where
docker:
    "r.io:5000/a":
        lookaside: 'https://l.io/it''s'
    r.io:5000:
        use-sigstore-attachments: true
    old.example: {sigstore: https://s.example/x#y}
    empty.example:
`,
  );
  const attached = { useSigstoreAttachments: true };
  assert.deepEqual(await placeOf('r.io:5000/a/b:1'), { lookaside: "https://l.io/it's", ...attached });
  assert.deepEqual(await placeOf('r.io:5000/c:1'), { lookaside: 'file:///default', ...attached });
  const place = { useSigstoreAttachments: false };
  assert.deepEqual(await placeOf('old.example/c:1'), { lookaside: 'https://s.example/x#y', ...place });
  assert.deepEqual(await placeOf('empty.example/c:1'), { lookaside: 'file:///default', ...place });
});

test('without files signatures are where containers/image keeps them', async () => {
  const { lookaside } = await placeOf('r.io/a:1');
  assert.equal(lookaside, 'file:///var/lib/containers/sigstore');
});

for (const [name, text, message] of [
  ['a list', 'docker:\n  - a\n', /docker is not an object/],
  ['a key twice', 'docker:\n  a: {}\ndocker:\n  b: {}\n', /neither JSON nor YAML: .*unique.*line 3/],
  ['words', 'just words\n', /the document is not an object/],
  ['an unknown key', 'dockers: {}\n', /dockers is not known/],
  [
    'an unknown key of an entry',
    'docker:\n  r.io:\n    lookasides: x\n',
    /docker\.r\.io\.lookasides is not known/,
  ],
  ['a flag that is none', 'docker:\n  r.io:\n    use-sigstore-attachments: 7\n', /is not true or false/],
] as const) {
  test(`a file with ${name} is refused by its name`, async () => {
    put('x.yaml', text);
    await assert.rejects(placeOf('r.io/a:1'), (error: Error) => {
      assert.match(error.message, /x\.yaml: /);
      assert.match(error.message, message);
      return true;
    });
  });
}

test('one scope in two files is refused: neither could win', async () => {
  put('x.yaml', 'docker:\n  r.io: {lookaside: "file:///x"}\n');
  put('y.yaml', 'docker:\n  r.io: {lookaside: "file:///y"}\n');
  await assert.rejects(placeOf('r.io/a:1'), /y\.yaml: "r\.io" is in another file too/);
});
