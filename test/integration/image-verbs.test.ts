// Every verb of `cria image` as a person uses it, on a store that podman uses too.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { digestOf } from '../../internal/registry/digest.ts';
import { type MadeImage, makeImage, makeTar } from '../fakes/made-image.ts';
import { RegistryServer } from '../fakes/registry-server.ts';
import { attempt, type Outcome } from '../harness/command.ts';
import { missing } from '../harness/requirements.ts';

const skip = missing('podman', 'script');
const program = fileURLToPath(new URL('../../cmd/cria/main.js', import.meta.url));

let directory: string;
let registry: RegistryServer;
const base = makeTar([{ name: 'base', content: Buffer.alloc(300_000, 'b') }]);
const app = imageOf('app', 20_000);
const data = imageOf('data', 30_000);

function imageOf(name: string, bytes: number): MadeImage {
  return makeImage({ layers: [base, makeTar([{ name, content: Buffer.alloc(bytes, name) }])], user: '1002' });
}

before(async () => {
  if (skip !== false) return;
  directory = mkdtempSync('/var/tmp/cria-image-verbs-');
  registry = await RegistryServer.start();
  registry.add(app, 'v1');
  registry.add(data, 'v2');
  const registries = join(directory, 'registries.conf');
  writeFileSync(registries, `[[registry]]\nlocation = "${registry.host}"\ninsecure = true\n`);
  writeFileSync(join(directory, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
  const store = `root = "${directory}/graph"\nrunroot = "${directory}/run"`;
  const image = `signature_policy = "${directory}/policy.json"\npinned_images = ["*/kept:*"]`;
  const cria = `registries_conf = "${registries}"\nrun_dir = "${directory}/cria"`;
  writeFileSync(join(directory, 'crio.conf'), `[crio]\n${store}\n[crio.image]\n${image}\n[cria]\n${cria}\n`);
});

after(async () => {
  if (skip !== false) return;
  await registry.close();
  spawnSync('umount', ['-l', join(directory, 'graph/overlay')]);
  rmSync(directory, { recursive: true });
});

const argvOf = (...args: readonly string[]): string[] => [
  process.execPath,
  program,
  ...['--config', join(directory, 'crio.conf'), '--config-dir', '', 'image'],
  ...args,
];

/** Asynchronous: the registry lives in this process. */
const cria = (...args: readonly string[]): Promise<Outcome> => attempt(argvOf(...args));

async function result(...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await cria(...args);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

function podman(...args: readonly string[]): string {
  const roots = ['--root', join(directory, 'graph'), '--runroot', join(directory, 'run')];
  const flags = [...roots, '--storage-driver', 'overlay', '--cgroup-manager', 'cgroupfs'];
  return execFileSync('podman', [...flags, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

async function clear(): Promise<void> {
  const ids = (await result('list', '--quiet')).split('\n').filter((id) => id !== '');
  if (ids.length > 0) await result('remove', ...ids);
}

test('pull prints the id, tells its progress in lines, and is silent when asked', { skip }, async () => {
  await clear();
  const reference = `${registry.host}/a/app:v1`;
  const loud = await cria('pull', reference);
  assert.equal(loud.exitCode, 0);
  assert.equal(loud.stdout, `${app.id}\n`);
  const [first, ...rest] = loud.stderr.trim().split('\n');
  assert.match(first ?? '', /\/a\/app:v1: 2 of 2 layers to fetch, \d+(\.\d)? k?B$/);
  assert.deepEqual(rest.length, 3);
  assert.match(rest.at(-1) ?? '', /\/a\/app:v1: pulled in \d+\.\d s$/);
  const again = await cria('pull', '--quiet', reference);
  assert.deepEqual([again.stdout, again.stderr], [`${app.id}\n`, '']);
  const shown = JSON.parse(await result('pull', '--json', reference)) as { id: string; repoTags: string[] };
  assert.deepEqual([shown.id, shown.repoTags], [app.id, [reference]]);
  const absent = await cria('pull', '--quiet', `${registry.host}/a/app:none`);
  assert.equal(absent.exitCode, 1);
  assert.match(absent.stderr, /^cria: manifest "none" of "a\/app" was not found/);
});

test('a terminal sees bars that are drawn over', { skip }, async () => {
  await clear();
  const command = argvOf('pull', `${registry.host}/a/data:v2`)
    .join(' ')
    .replace('--config-dir  ', "--config-dir '' ");
  const seen = await attempt(['script', '--quiet', '--return', '--command', command, '/dev/null']);
  assert.equal(seen.exitCode, 0, seen.stdout);
  const short = digestOf(data.layerBlobs[1] ?? Buffer.of()).slice(7, 19);
  assert.match(seen.stdout, new RegExp(`${short}  \\[#{30}\\]  [0-9.]+ k?B, done`));
  assert.ok(seen.stdout.includes('\x1b[J'));
  assert.match(seen.stdout, /2 of 2 layers\r\n/);
  assert.ok(seen.stdout.trimEnd().endsWith(data.id));
});

test('list, inspect and remove', { skip }, async () => {
  await clear();
  const [one, two] = [`${registry.host}/a/app:v1`, `${registry.host}/a/data:v2`];
  for (const reference of [one, two]) await result('pull', reference);
  const table = await result('list');
  assert.match(table, /^IMAGE +ID +SIZE +CREATED\n/);
  assert.equal(table.trim().split('\n').length, 3);
  const container = podman('create', '--name', 'user', one, 'true');
  try {
    const text = await result('inspect', one);
    assert.match(text, new RegExp(`^Id: +${app.id}$`, 'm'));
    assert.match(text, /^User: +"1002"$/m);
    assert.match(text, new RegExp(`^Used by: +${container.slice(0, 13)} user$`, 'm'));
    const [details] = JSON.parse(await result('inspect', '--json', app.id.slice(0, 12))) as {
      layers: { diffId: string; blobDigest: string; diffSizeBytes: number }[];
      manifestDigest: string;
      usedBy: { containerId: string }[];
    }[];
    assert.deepEqual(
      details?.layers.map(({ diffId, diffSizeBytes }) => [diffId, diffSizeBytes]),
      app.layerTars.map((tar) => [digestOf(tar), tar.length]),
    );
    assert.deepEqual(
      details?.layers.map(({ blobDigest }) => blobDigest),
      app.layerBlobs.map(digestOf),
    );
    assert.equal(details?.manifestDigest, app.manifestDigest);
    assert.deepEqual(
      details?.usedBy.map(({ containerId }) => containerId),
      [container],
    );
    const half = await cria('remove', '--json', one, two, 'localhost/never:1');
    assert.equal(half.exitCode, 1);
    assert.match(half.stderr, new RegExp(`^cria: image "${app.id}" is in use by container "${container}"`));
    assert.deepEqual(JSON.parse(half.stdout), { removed: [two, 'localhost/never:1'] });
  } finally {
    podman('rm', '--force', container);
  }
  await result('remove', one);
  assert.equal(await result('list', '--quiet'), '');
  const absent = await cria('inspect', one);
  assert.deepEqual([absent.exitCode, absent.stdout], [1, '']);
  assert.match(absent.stderr, /^cria: image ".*" is not in the store; "cria image list" shows what is\n$/);
});

test('prune keeps what is tagged, pinned or used, and tells the room before and after', {
  skip,
}, async () => {
  await clear();
  const reference = `${registry.host}/a/app`;
  await result('pull', `${reference}@${app.manifestDigest}`); // no tag
  await result('pull', `${registry.host}/a/data:v2`);
  const container = podman('create', app.id, 'true');
  assert.match(await result('prune', '--dry-run'), /^0 images, 0 B would be freed\n$/m);
  podman('rm', container);
  const plan = await result('prune', '--dry-run');
  assert.match(plan, new RegExp(`would remove +${app.id.slice(0, 13)}`));
  assert.match(plan, /^1 image, (\d+\.\d kB) would be freed$/m);
  const room = /, (\S+ kB)/.exec(plan)?.[1];
  assert.ok(Number.parseFloat(room ?? '') < 100, 'the common base stays, so it frees nothing');
  assert.match(await result('prune'), new RegExp(`^1 image, ${room} freed$`, 'm'));
  assert.deepEqual((await result('list', '--quiet')).trim(), data.id);
  await result('pull', `${registry.host}/kept:v1`);
  const all = JSON.parse(await result('prune', '--all', '--json')) as {
    images: { id: string }[];
    dryRun: boolean;
  };
  assert.deepEqual([all.images.map(({ id }) => id), all.dryRun], [[data.id], false]);
  assert.deepEqual((await result('list', '--quiet')).trim(), app.id);
});

test('save and load round, by file and by pipe', { skip }, async () => {
  await clear();
  const reference = `${registry.host}/a/app:v1`;
  await result('pull', reference);
  const file = join(directory, 'app.tar');
  assert.equal(await result('save', '-o', file, reference), '');
  mkdirSync(join(directory, 'piped'));
  const piped = join(directory, 'piped/app.tar');
  const shell = `${argvOf('save', '--format', 'docker', reference).join(' ').replace('--config-dir  ', "--config-dir '' ")} > ${piped}`;
  assert.equal((await attempt(['/bin/sh', '-c', shell])).exitCode, 0);
  await clear();
  for (const path of [file, piped]) {
    assert.equal(await result('load', path), `${app.id}\n`);
    const [shown] = JSON.parse(await result('list', '--json')) as { id: string; repoTags: string[] }[];
    assert.deepEqual([shown?.id, shown?.repoTags], [app.id, [reference]]);
    await clear();
  }
  assert.ok(readFileSync(piped).length > 300_000);
});

test('wrong command lines end with 2', { skip }, async () => {
  for (const args of [
    ['save'],
    ['prune', 'x'],
    ['inspect'],
    ['save', '--format', 'rar', 'x'],
    ['list', '--all'],
  ]) {
    assert.equal((await cria(...args)).exitCode, 2, args.join(' '));
  }
  for (const verb of ['pull', 'load', 'save', 'list', 'inspect', 'remove', 'prune']) {
    const help = await result(verb, '--help');
    assert.match(help, new RegExp(`^Usage: cria image ${verb} `));
    assert.match(help, /Exit codes:\n {2}0 {2}done\n/);
  }
});
