import assert from 'node:assert/strict';
import { test } from 'node:test';
import { padded, type TarItem, tarArchive, tarHeader, withSum } from '../../../test/fixtures/tar-builder.ts';
import { type TarEntry, TarReader } from './tar-reader.ts';

interface Read {
  readonly entries: TarEntry[];
  readonly contents: string[];
  /** Every byte of the archive again, in order. */
  readonly stream: Buffer;
}

function read(archive: Buffer, pieceBytes = archive.length): Read {
  const entries: TarEntry[] = [];
  const contents: string[] = [];
  const stream: Buffer[] = [];
  const reader = new TarReader({
    meta: (bytes) => void stream.push(Buffer.from(bytes)),
    begin: (entry) => {
      entries.push(entry);
      contents.push('');
    },
    content: (bytes) => {
      stream.push(Buffer.from(bytes));
      contents.push((contents.pop() ?? '') + bytes.toString('latin1'));
    },
    end: () => {},
  });
  for (let at = 0; at < archive.length; at += pieceBytes) reader.push(archive.subarray(at, at + pieceBytes));
  reader.finish();
  return { entries, contents, stream: Buffer.concat(stream) };
}

const items: TarItem[] = [
  { name: './', type: '5', mode: 0o755 },
  { name: 'file', content: Buffer.from('some content'), uid: 7 },
  { name: 'exact', content: Buffer.alloc(512, 'x') },
  { name: 'link', type: '2', linkName: 'file' },
  { name: 'null', type: '3', device: [1, 3] },
  { name: 'short', pax: { path: 'dir/\xff-bytes', mtime: '12.5', uid: '4000000000' } },
];

test('TarReader gives the same entries and every byte however the stream is cut', () => {
  const archive = Buffer.concat([tarArchive(items), Buffer.alloc(8192)]);
  const whole = read(archive);
  assert.deepEqual(whole.stream, archive);
  assert.deepEqual(
    whole.entries.map((entry) => [entry.type, entry.name, entry.sizeBytes]),
    [
      ['directory', './', 0],
      ['file', 'file', 12],
      ['file', 'exact', 512],
      ['symlink', 'link', 0],
      ['char', 'null', 0],
      ['file', 'dir/\xff-bytes', 0],
    ],
  );
  assert.equal(whole.contents[1], 'some content');
  for (const pieceBytes of [1, 100, 511, 513]) assert.deepEqual(read(archive, pieceBytes), whole);
});

test('TarReader takes PAX numbers and times over the header, for one entry', () => {
  const { entries } = read(tarArchive([...items, { name: 'next', uid: 5 }]));
  assert.equal(entries[5]?.uid, 4_000_000_000);
  assert.equal(entries[5]?.modifiedAtNanos, 12_500_000_000n);
  assert.equal(entries[6]?.uid, 5);
  assert.equal(entries[6]?.name, 'next');
});

test('TarReader joins a ustar prefix and reads GNU long names', () => {
  const block = tarHeader({ name: 'base' });
  block.write('some/prefix', 345, 'latin1');
  const long = 'n'.repeat(180);
  const archive = Buffer.concat([
    withSum(block),
    tarHeader({ name: '././@LongLink', type: 'L', claimedSize: long.length + 1 }),
    padded(Buffer.from(`${long}\0`)),
    tarHeader({ name: 'n', type: '2', linkName: 'x' }),
  ]);
  assert.deepEqual(
    read(archive).entries.map((entry) => entry.name),
    ['some/prefix/base', long],
  );
});

test('TarReader reads sizes in base 256', () => {
  const block = tarHeader({ name: 'big', content: Buffer.from('abc') });
  block.fill(0, 124, 136);
  block[124] = 0x80;
  block[135] = 3;
  const { entries, contents } = read(Buffer.concat([withSum(block), padded(Buffer.from('abc'))]));
  assert.equal(entries[0]?.sizeBytes, 3);
  assert.equal(contents[0], 'abc');
});

test('TarReader refuses what is not a tar', () => {
  const good = tarArchive(items);
  const badSum = Buffer.from(good);
  badSum[0] = 0x41;
  const negative = tarHeader({ name: 'x' });
  negative.fill(0xff, 124, 136);
  const special = (body: string, type = 'x'): Buffer =>
    Buffer.concat([tarHeader({ name: 'pax', type, claimedSize: body.length }), padded(Buffer.from(body))]);
  const cases: [Buffer, RegExp][] = [
    [badSum, /checksum/],
    [withSum(negative), /negative file size/],
    [good.subarray(0, 700), /inside an entry/],
    [good.subarray(0, 100), /inside an entry/],
    [Buffer.concat([Buffer.alloc(512), tarHeader({ name: 'x' })]), /after its end mark/],
    [special('99 path=x\n'), /PAX/],
    [special('path=x\n'), /PAX/],
    [special('9 path=\0\n'), /PAX/],
    [special('-5 a=b\n'), /PAX/],
    [tarArchive([{ name: 'x', pax: { size: '-1' } }]), /PAX/],
    [tarArchive([{ name: 'x', type: 'V' }]), /unknown type/],
    [tarArchive([{ name: 'x', type: 'S' }]), /sparse/],
    [tarHeader({ name: 'x', type: 'g', claimedSize: 2 << 20 }), /more than 1 MiB/],
    [Buffer.concat([Buffer.alloc(1024), Buffer.alloc(17 << 20)]), /too many bytes/],
  ];
  for (const [archive, reason] of cases) assert.throws(() => read(archive), reason);
});

test('TarReader takes an empty PAX value as none, and a GNU long name before a PAX path, as Go does', () => {
  const long = 'n'.repeat(120);
  const archive = Buffer.concat([
    tarHeader({ name: 'long', type: 'L', content: Buffer.from(`${long}\0`) }),
    padded(Buffer.from(`${long}\0`)),
    tarArchive([{ name: 'x', content: Buffer.from('seven b'), pax: { size: '', uid: '', path: 'other' } }]),
  ]);
  const { entries, contents } = read(archive);
  assert.deepEqual(
    entries.map(({ name, sizeBytes, uid }) => [name, sizeBytes, uid]),
    [[long, 7, 0]],
  );
  assert.deepEqual(contents, ['seven b']);
});
