import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choosePlatform, hostPlatform, type Platform } from './platform.ts';

const entry = (text: string | undefined): { platform: Platform | undefined; text: string | undefined } => {
  const [os = '', architecture = '', variant = ''] = text?.split('/') ?? [];
  return { platform: text === undefined ? undefined : { os, architecture, variant }, text };
};

const choose = (host: string, ...entries: (string | undefined)[]): string | undefined =>
  choosePlatform(entries.map(entry), entry(host).platform as Platform)?.text;

test('choosePlatform takes the first entry of this os and architecture', () => {
  assert.equal(choose('linux/amd64/v1', 'linux/s390x', 'linux/amd64', 'linux/amd64'), 'linux/amd64');
  assert.equal(choose('linux/amd64/v1', 'windows/amd64', 'linux/386'), undefined);
});

test('choosePlatform never takes attestations or entries without a platform', () => {
  assert.equal(choose('linux/amd64/v1', 'unknown/unknown', undefined), undefined);
});

test('choosePlatform takes the best variant that the node can run', () => {
  assert.equal(choose('linux/arm/v7', 'linux/arm/v5', 'linux/arm/v8', 'linux/arm/v6'), 'linux/arm/v6');
  assert.equal(choose('linux/arm/v7', 'linux/arm/v6', 'linux/arm'), 'linux/arm');
  assert.equal(choose('linux/arm64/v8', 'linux/arm64'), 'linux/arm64');
  assert.equal(choose('linux/arm64/v8', 'linux/arm64/v8'), 'linux/arm64/v8');
  assert.equal(choose('linux/amd64/v1', 'linux/amd64/v3'), undefined);
});

test('hostPlatform speaks of linux in the names of OCI', () => {
  assert.equal(hostPlatform().os, 'linux');
  assert.notEqual(hostPlatform().architecture, 'x64');
});
