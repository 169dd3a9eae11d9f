import assert from 'node:assert/strict';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { test } from 'node:test';
import { readTimeZone } from './time-zones.ts';

const utc = '/usr/share/zoneinfo/Etc/UTC';

test('readTimeZone reads a zone by its name', { skip: !existsSync(utc) && 'needs tzdata' }, async () => {
  assert.deepEqual(await readTimeZone('Etc/UTC'), { path: utc, data: readFileSync(utc) });
  await assert.rejects(readTimeZone('zone.tab'), {
    kind: 'failed-precondition',
    message:
      'the node has no time zone "zone.tab": /usr/share/zoneinfo/zone.tab is no tzfile(5); choose another one',
  });
});

test('readTimeZone takes Local for the file behind /etc/localtime', {
  skip: !existsSync('/etc/localtime') && 'needs /etc/localtime',
}, async () => {
  const path = realpathSync('/etc/localtime');
  assert.deepEqual(await readTimeZone('Local'), { path, data: readFileSync(path) });
});

test('readTimeZone names the file of a zone that is not there', async () => {
  await assert.rejects(readTimeZone('No/Such'), {
    kind: 'failed-precondition',
    message:
      'the node has no time zone "No/Such": /usr/share/zoneinfo/No/Such cannot be read (ENOENT); is tzdata installed?',
  });
});
