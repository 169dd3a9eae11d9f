// `cria image` as a process: what a person who presses Ctrl-C finds afterwards.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { makeImage, makeTar } from '../fakes/made-image.ts';
import { RegistryServer } from '../fakes/registry-server.ts';

const program = fileURLToPath(new URL('../../cmd/cria/main.js', import.meta.url));

function configure(directory: string, host: string): string {
  const registries = join(directory, 'registries.conf');
  writeFileSync(registries, `[[registry]]\nlocation = "${host}"\ninsecure = true\n`);
  const config = join(directory, 'crio.conf');
  const store = `root = "${directory}/graph"\nrunroot = "${directory}/run"`;
  writeFileSync(config, `[crio]\n${store}\n[cria]\nregistries_conf = "${registries}"\n`);
  return config;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends a pull with one line and leaves nothing in the store`, async (t) => {
    const directory = mkdtempSync('/var/tmp/cria-image-command-');
    t.after(() => rmSync(directory, { recursive: true }));
    const registry = await RegistryServer.start();
    t.after(() => registry.close());
    const image = makeImage({ layers: [makeTar([{ name: 'a', content: Buffer.alloc(9_000) }])] });
    registry.add(image, 'v1');
    const [layer = Buffer.of()] = image.layerBlobs;
    const isFetching = new Promise<void>((resolve) => {
      registry.intercept = (_request, response, path) => {
        if (registry.blob(path.split('/').at(-1) ?? '') !== layer) return false;
        response.writeHead(200, { 'content-length': layer.length });
        response.write(layer.subarray(0, -1), () => resolve());
        return true;
      };
    });
    const config = configure(directory, registry.host);
    const args = [program, '--config', config, '--config-dir', '', 'image', 'pull', `${registry.host}/a:v1`];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const ended = once(child, 'close');
    await isFetching;
    const staging = join(directory, 'graph/overlay/tempdirs');
    while (!existsSync(staging)) await sleep(10);
    child.kill(signal);
    assert.deepEqual(await ended, [128 + constants.signals[signal], null]);
    assert.match(text, /: 1 of 1 layers to fetch, [0-9.]+ k?B\ncria: interrupted\n$/);
    assert.ok(!existsSync(staging));
    assert.deepEqual(readdirSync(join(directory, 'graph/overlay/l')), []);
  });
}

test('a store that cannot be opened is one line, not a stack', () => {
  const directory = mkdtempSync('/var/tmp/cria-image-command-');
  try {
    const config = configure(directory, 'r.example');
    writeFileSync(join(directory, 'graph'), '');
    const args = [program, '--config', config, '--config-dir', '', 'image', 'list'];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /^cria: image store \S+\/graph cannot be opened: ENOTDIR: .*\n$/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
