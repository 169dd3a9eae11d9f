// What an operator sees of a wrong configuration: every problem at once, with file, key and reason, and exit code 1.

import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Outcome } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { missing } from '../harness/requirements.ts';

describe('a daemon that cannot start', { skip: missing('runc') }, () => {
  let daemon: TestDaemon;
  let good: string;

  before(() => {
    daemon = new TestDaemon();
    good = readFileSync(daemon.paths.configFile, 'utf8');
  });

  after(() => daemon?.destroy());

  async function startWith(config: string): Promise<Outcome & { output: string }> {
    writeFileSync(daemon.paths.configFile, config);
    const outcome = await daemon.attempt();
    return { ...outcome, output: outcome.stdout + outcome.stderr };
  }

  test('it names every value of a wrong type, and every one that cannot work, at once', async () => {
    const config = good
      .replace('stream_address = "127.0.0.1"', 'stream_address = 7')
      .replace('default_runtime = "runc"', 'default_runtime = "absent"')
      .replace('cgroup_manager = "cgroupfs"', 'cgroup_manager = "other"');
    const { exitCode, output } = await startWith(config);
    assert.ok(
      output.includes(`${daemon.paths.configFile}: crio.api.stream_address: expected a string`),
      output,
    );
    assert.equal(exitCode, 1);
    assert.match(output, /crio\.runtime\.default_runtime: "absent"/);
    assert.match(output, /crio\.runtime\.cgroup_manager: .*other/);
    assert.ok(!existsSync(daemon.paths.socket), 'a daemon that fails leaves no socket');
  });

  test('it names the default runtime whose program is not there', async () => {
    const { exitCode, output } = await startWith(
      good.replace(/runtime_path = ".*"/, 'runtime_path = "/no/runc"'),
    );
    assert.equal(exitCode, 1);
    assert.match(output, /crio\.runtime\.runtimes\.runc.*\/no\/runc/);
  });

  test('it gives file and line of a file that is no TOML', async () => {
    const { exitCode, output } = await startWith(`${good}\n[crio\n`);
    assert.equal(exitCode, 1);
    assert.match(output, new RegExp(`${daemon.paths.configFile}.*${good.split('\n').length + 1}`));
  });

  test('it warns of an unknown key, and of a seccomp profile that is not there, and goes on', async () => {
    const config = good.replace('[crio.runtime]', '[crio.runtime]\nseccomp_profile = "/no/profile.json"');
    assert.notEqual(config, good);
    writeFileSync(daemon.paths.configFile, config);
    appendFileSync(daemon.paths.configFile, '\n[crio.unheard_of]\nkey = 1\n');
    await daemon.start();
    await daemon.stop();
    const log = readFileSync(daemon.logFile, 'utf8');
    assert.match(log, /unheard_of/);
    assert.match(log, /\/no\/profile\.json.*built-in|built-in.*\/no\/profile\.json/);
  });
});

describe('the socket of another daemon', { skip: missing('runc') }, () => {
  let daemon: TestDaemon;

  before(() => {
    daemon = new TestDaemon();
  });

  after(() => daemon?.destroy());

  function listen(): Promise<Server> {
    return new Promise((resolve) => {
      const server: Server = createServer().listen(daemon.paths.socket, () => resolve(server));
    });
  }

  test('one that somebody listens on is an error and stays', async () => {
    const other = await listen();
    const { exitCode, stdout, stderr } = await daemon.attempt();
    assert.equal(exitCode, 1);
    assert.match(stdout + stderr, new RegExp(daemon.paths.socket));
    assert.ok(existsSync(daemon.paths.socket));
    await new Promise((resolve) => other.close(resolve));
  });

  test('a stale one is replaced', async () => {
    await daemon.start();
    await daemon.kill();
    assert.ok(existsSync(daemon.paths.socket), 'a killed daemon leaves its socket');
    await daemon.start();
    const { version } = await daemon.client.runtime('Version', {});
    assert.ok(version);
    await daemon.stop();
  });
});
