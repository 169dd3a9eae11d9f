import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupWith, parseGroup, parsePasswd, passwdWith } from './account-files.ts';

const passwd = 'root:x:0:0:root:/root:/bin/sh\napp:x:7:7::/app:/bin/sh';

test('a user whom the image does not know has a line of its own, whatever the file ends with', () => {
  const text = passwdWith(passwd, { uid: 1_000_650_000, gid: 0, home: '/home/a b' }) ?? '';
  assert.equal(text, `${passwd}\n1000650000:x:1000650000:0:1000650000 user:/home/a b:/sbin/nologin\n`);
  assert.deepEqual(
    parsePasswd(text).map(({ uid }) => uid),
    [0, 7, 1_000_650_000],
  );
  assert.equal(passwdWith(`${passwd}\n`, { uid: 5, gid: 6, home: '/' })?.split('\n').length, 4);
  assert.equal(groupWith('root:x:0:\n', 77), 'root:x:0:\n77:x:77:\n');
  assert.deepEqual(
    parseGroup(groupWith('root:x:0:', 77) ?? '').map(({ gid }) => gid),
    [0, 77],
  );
});

test('nothing is added for those it knows, to a file that is not there, or with a home that is more than one field', () => {
  assert.equal(passwdWith(passwd, { uid: 7, gid: 9, home: '/' }), undefined);
  assert.equal(groupWith('root:x:0:\n', 0), undefined);
  assert.equal(passwdWith('', { uid: 5, gid: 5, home: '/' }), undefined);
  assert.equal(groupWith('', 5), undefined);
  assert.equal(groupWith(Buffer.from('m\xfcller:x:1:', 'latin1').toString('utf8'), 5), undefined);
  for (const home of ['', 'relative', '/x:y', '/x\nroot::0:0::/:/bin/sh', '/x\r', '/\0'])
    assert.equal(passwdWith(passwd, { uid: 5, gid: 5, home }), undefined, JSON.stringify(home));
});
