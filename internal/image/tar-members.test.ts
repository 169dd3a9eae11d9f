import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeTar, type TarMember } from '../../test/fakes/made-image.ts';
import { readMember } from './archive-members.ts';
import { TarMembers } from './tar-members.ts';

async function withTar(
  members: readonly TarMember[],
  body: (tar: TarMembers) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tar-members-'));
  try {
    await writeFile(join(folder, 'x.tar'), makeTar(members));
    const tar = await TarMembers.open(join(folder, 'x.tar'));
    try {
      await body(tar);
    } finally {
      await tar.close();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

function pax(fields: Readonly<Record<string, string>>): string {
  const records = Object.entries(fields).map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`);
    let length = rest + String(rest).length;
    length = rest + String(length).length;
    return `${length} ${key}=${value}\n`;
  });
  return records.join('');
}

const text = async (tar: TarMembers, name: string): Promise<string | undefined> => {
  const found = await readMember(tar, name, 1_000_000);
  return found === undefined ? undefined : Buffer.from(found).toString();
};

test('finds members by PAX and GNU names, through links, the last of equals', async () => {
  const long = `${'d/'.repeat(100)}file`;
  const members: TarMember[] = [
    { name: './a', content: 'first' },
    { name: 'a', content: 'second' },
    { name: 'pax', type: 'x', content: pax({ path: `${long}-pax`, mtime: '1.5' }) },
    { name: 'short', content: 'by pax' },
    { name: '././@LongLink', type: 'L', content: `${long}-gnu\0` },
    { name: 'short', content: 'by gnu' },
    { name: 'folder/', type: '5' },
    { name: 'folder/link', type: '2', linkName: '../a' },
    { name: 'hard', type: '1', linkName: 'folder/link' },
    { name: 'after', content: 'plain again' },
  ];
  await withTar(members, async (tar) => {
    assert.equal(await text(tar, 'a'), 'second');
    assert.equal(await text(tar, `${long}-pax`), 'by pax');
    assert.equal(await text(tar, `${long}-gnu`), 'by gnu');
    assert.equal(await text(tar, 'folder/link'), 'second');
    assert.equal(await text(tar, './hard'), 'second');
    assert.equal(await text(tar, 'after'), 'plain again');
    assert.equal(await text(tar, 'short'), undefined);
    assert.equal(await text(tar, '../a'), undefined);
  });
});

test('reads members longer than a chunk', async () => {
  const content = Buffer.alloc(600_000, 'abc');
  await withTar([{ name: 'big', content }], async (tar) => {
    assert.deepEqual(await readMember(tar, 'big', 1_000_000), content);
    await assert.rejects(readMember(tar, 'big', 599_999), /more than 599999 bytes/);
  });
});

test('refuses broken PAX headers', async () => {
  for (const content of ['x', '99 path=a\n', '0 path=a\n', '-5 path=a\n', pax({ size: '1e9' })]) {
    const members = [
      { name: 'p', type: 'x', content },
      { name: 'a', content: 'a' },
    ];
    await assert.rejects(
      withTar(members, async () => {}),
      /bad PAX record/,
      content,
    );
  }
});
