import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig, usualConfigInputs } from '../../internal/config/load-config.ts';
import { validateConfig } from '../../internal/config/validate-config.ts';
import { createLogger } from './logger.ts';
import { reloadOnHangup } from './reload.ts';

const base =
  `[cria]\nmonitor_path = "${process.execPath}"\npause_path = "${process.execPath}"\n` +
  `[crio.runtime.runtimes.crun]\nruntime_path = "${process.execPath}"\n`;

test('reloadOnHangup takes over the log level, names what waits for a restart, and outlives a broken file', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'cria-hangup-'));
  t.after(() => rm(root, { recursive: true }));
  const configFile = join(root, 'crio.conf');
  await writeFile(configFile, base);
  const inputs = {
    ...usualConfigInputs,
    configFile,
    configDir: '',
    storageConf: { files: [], driver: undefined, options: undefined },
  };
  const loaded = await validateConfig(await loadConfig(inputs), '');

  const lines = new EventEmitter();
  const logged: string[] = [];
  const sink = {
    write(line: string): void {
      logged.push(line.replace(/^time="[^"]*" /, '').replaceAll(`${root}/`, ''));
      if (/reload/.test(line)) lines.emit('end');
    },
  };
  const signals = new EventEmitter();
  const followed: (readonly string[])[] = [];
  const stop = reloadOnHangup(loaded, {
    logger: createLogger('info', 'text', sink),
    searchPath: '',
    signals,
    followers: [
      async ({ image }) => {
        if (image.pinned_images.includes('broken')) throw new Error('registries.conf: no');
        followed.push(image.pinned_images);
      },
    ],
  });

  async function hangUp(text: string): Promise<string[]> {
    await writeFile(configFile, text);
    logged.length = 0;
    const ended = once(lines, 'end');
    signals.emit('SIGHUP');
    await ended;
    return [...logged];
  }

  assert.deepEqual(await hangUp(`${base}[crio.runtime]\nlog_level = "debug"\nread_only = true\n`), [
    'level=info msg="set config log_level to \\"debug\\""\n',
    'level=warning msg="a new value takes effect at the next start" key=crio.runtime.read_only\n',
    'level=info msg="configuration reload completed"\n',
  ]);
  assert.deepEqual(await hangUp(`${base}[crio.runtime]\nlog_level = 5\n`), [
    'level=error msg="unable to reload configuration" err="crio.conf: crio.runtime.log_level: expected a string, found the integer 5"\n',
  ]);
  assert.deepEqual(await hangUp(`${base}[crio.runtime]\nlog_level = "debug"\n`), [
    'level=info msg="configuration reload completed"\n',
  ]);

  const typo = `${base}[crio.runtime]\nlog_levl = "info"\nlog_level = "debug"\n[crio.runtime.runtimes.kata]\nruntime_path = "/nowhere/kata"\n`;
  const typoWarnings = (await hangUp(typo)).filter((line) => line.includes('level=warning'));
  assert.deepEqual(typoWarnings, [
    'level=warning msg="unknown key, ignored" file=crio.conf key=crio.runtime.log_levl\n',
    'level=warning msg="program /nowhere/kata does not exist; handler \\"kata\\" is left out" file=crio.conf key=crio.runtime.runtimes.kata.runtime_path\n',
  ]);
  const second = `[crio.runtime.runtimes.second]\nruntime_path = "${process.execPath}"\n`;
  assert.deepEqual(
    (await hangUp(`${base}${second}[crio.runtime]\ndefault_runtime = "second"\n`)).slice(1, 3),
    [
      'level=info msg="set config default_runtime to \\"second\\""\n',
      'level=info msg="set config runtimes to \\"crun,second\\""\n',
    ],
  );
  await hangUp(typo);
  // Once is enough.
  assert.equal((await hangUp(typo)).filter((line) => line.includes('log_levl')).length, 0);
  await hangUp(`${base}[crio.runtime]\nlog_level = "debug"\n`);
  followed.length = 0;

  const pinned = (name: string): string => `${base}[crio.image]\npinned_images = ["${name}"]\n`;
  assert.deepEqual(await hangUp(pinned('a*')), [
    'level=info msg="set config log_level to \\"info\\""\n',
    'level=info msg="set config pinned_images to \\"a*\\""\n',
    'level=info msg="configuration reload completed"\n',
  ]);
  assert.deepEqual(await hangUp(pinned('broken')), [
    'level=error msg="unable to reload configuration" err="registries.conf: no"\n',
  ]);
  assert.deepEqual(followed, [['a*']]);

  stop();
  assert.equal(signals.listenerCount('SIGHUP'), 0);
});
