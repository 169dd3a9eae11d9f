import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCommandLine } from './run.ts';
import { verbs } from './verbs.ts';

let root = '';

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'cria-cli-'));
});

after(async () => {
  await rm(root, { recursive: true });
});

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line that reads no file of the machine but storage.conf. */
async function run(argv: readonly string[], environment: Record<string, string> = {}): Promise<Outcome> {
  let [out, err] = ['', ''];
  const terminal = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    write: async () => {},
    screen: () => undefined,
    showsResult: false,
  };
  const code = await runCommandLine(
    argv,
    { CONTAINER_CONFIG: '', CONTAINER_CONFIG_DIR: '', ...environment },
    terminal,
  );
  return { code, out, err };
}

function activeLines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('['));
}

test('cria config prints no active line when nothing is configured', async () => {
  const { code, out, err } = await run(['-c', '', '-d', '', 'config']);
  assert.deepEqual([code, activeLines(out), err], [0, [], '']);
  assert.match(out, /^# \[crio\.runtime\.runtimes\.crun\]$/m);
});

test('cria config prints what flags and variables set, flags last', async () => {
  const environment = {
    CONTAINER_LISTEN: '/env',
    CONTAINER_DEFAULT_ENV: 'A=1,B=2',
    CONTAINER_STORAGE_OPT: 'a=b',
  };
  const { code, out } = await run(
    [
      '--listen=/flag',
      '-l',
      'debug',
      '--read-only',
      '--drop-infra-ctr=false',
      'config',
      '--cni-plugin-dir',
      '/p,/q',
    ],
    environment,
  );
  assert.equal(code, 0);
  assert.deepEqual(activeLines(out), [
    'storage_option = ["a=b"]',
    'listen = "/flag"',
    'drop_infra_ctr = false',
    'read_only = true',
    'default_env = ["A=1", "B=2"]',
    'log_level = "debug"',
    'plugin_dirs = ["/p", "/q"]',
  ]);
});

test('cria config --default prints the defaults, whatever is configured', async () => {
  const { code, out } = await run(['--listen', '/x', 'config', '--default']);
  assert.deepEqual([code, activeLines(out)], [0, []]);
});

test('cria config prints text that loads to the same configuration', async () => {
  const first = await run(['--runtimes', 'a.b:/bin/sh:/run/x', '--listen', '/y', '--tz', 'Local', 'config']);
  assert.equal(first.code, 0);
  const path = join(root, 'printed');
  await writeFile(path, first.out);
  const second = await run(['--config', path, 'config']);
  assert.equal(second.out, first.out);
});

test('cria config warns on standard error and fails for a wrong value', async () => {
  const path = join(root, 'wrong');
  await writeFile(path, '[crio]\nnope = 1\n');
  const warned = await run(['-c', path, 'config']);
  assert.deepEqual([warned.code, warned.err], [0, `cria: ${path}: crio.nope: unknown key, ignored\n`]);
  await writeFile(path, '[crio.runtime]\nlog_size_max = 5\ndefault_capabilities = ["FLY"]\n');
  const failed = await run(['-c', path, 'config'], { CONTAINER_DEFAULT_ULIMITS: 'nofile=2:1' });
  assert.deepEqual(
    [failed.code, failed.out, failed.err],
    [
      1,
      '',
      'cria: the configuration cannot be used:\n' +
        '$CONTAINER_DEFAULT_ULIMITS: crio.runtime.default_ulimits: "nofile=2:1" has a soft limit above the hard one\n' +
        `${path}: crio.runtime.log_size_max: 5 is neither negative (no limit) nor at least 8192\n` +
        `${path}: crio.runtime.default_capabilities: "FLY" is no Linux capability\n`,
    ],
  );
});

test('cria version prints the version, as JSON on demand', async () => {
  for (const argv of [['version'], ['--version'], ['-v'], ['config', '--version']]) {
    assert.match((await run(argv)).out, /^cria \d+\.\d+\.\d+\n$/);
  }
  const { out } = await run(['version', '-j']);
  const info = JSON.parse(out) as Record<string, unknown>;
  assert.deepEqual(Object.keys(info), ['version', 'nodeVersion', 'platform', 'dependencies']);
});

test('every command has a help with usage, flags, examples and exit codes', async () => {
  for (const { name } of verbs) {
    const words = name === '' ? [] : name.split(' ');
    const { code, out } = await run([...words, '--help']);
    assert.equal(code, 0);
    assert.ok(out.startsWith(`Usage: ${['cria', ...words].join(' ')} [FLAGS]`), out.slice(0, 60));
    for (const heading of ['Flags:', 'Examples:', 'Exit codes:'])
      assert.ok(out.includes(`\n${heading}\n`), heading);
    assert.ok(out.split('\n').every((line) => line.length <= 100));
  }
  const { out } = await run(['-h']);
  assert.equal((await run(['frobnicate', '-h'])).out, out);
  const group = await run(['image', '--help']);
  assert.ok(group.code === 0 && group.out.startsWith('Usage: cria image COMMAND'), group.out);
  for (const word of ['pull', 'load', 'save', 'list', 'inspect', 'remove', 'prune'])
    assert.match(group.out, new RegExp(`^  image ${word} `, 'm'));
  assert.ok(group.out.split('\n').length < 40, 'the flags of the daemon are not in it');
  assert.match(out, /^Containers \(\[crio\.runtime\] in the configuration\):$/m);
  assert.match(out, /^ {2}-l, --log-level trace\|debug/m);
  assert.match(out, /\(\$CONTAINER_STOP_TIMEOUT\)/);
});

test('a wrong command line ends with 2 and says what may have been meant', async () => {
  const cases: [argv: string[], message: string, help?: string][] = [
    [['imgae', 'list'], 'unknown command "imgae", did you mean "image"?'],
    [['image', 'lst'], 'unknown command "image lst", did you mean "image list"?', 'image'],
    [
      ['image', 'frobnicate'],
      'unknown command "image frobnicate", there are: pull, load, save, list, inspect, remove, prune',
      'image',
    ],
    [['image'], '"image" needs one of: pull, load, save, list, inspect, remove, prune', 'image'],
    [['frobnicate'], 'unknown command "frobnicate"'],
    [['xy'], 'unknown command "xy"'],
    [
      ['status', 'info'],
      'cria has no command "status": see "cria config", "cria ps", "cria sessions" and "crictl info"',
    ],
    [['image', 'load'], '"cria image load" needs PATH', 'image load'],
    [['image', 'pull', 'a', 'b'], '"b" is too much', 'image pull'],
    [['--lisen', '/x'], 'unknown flag --lisen, did you mean "--listen"?'],
    [['--frobnicate'], 'unknown flag --frobnicate'],
    [['--foo'], 'unknown flag --foo'],
    [['-z'], 'unknown flag -z'],
    [['--listen'], '--listen needs a value: PATH'],
    [['logs', '--tail', 'x', 'web'], '--tail: "x" is no number of lines', 'logs'],
    [['config', '--name', 'x'], '--name is not a flag of "cria config"', 'config'],
    [['--json'], '--json is not a flag of "cria"'],
  ];
  for (const [argv, message, help] of cases) {
    const hint = `See "${['cria', ...(help === undefined ? [] : [help]), '--help'].join(' ')}".`;
    assert.deepEqual(await run(argv), { code: 2, out: '', err: `cria: ${message}\n${hint}\n` });
  }
});

test('values of flags and variables that no option takes are named', async () => {
  assert.equal(
    (await run(['--metrics-port', 'x', '--selinux=maybe', '--runtimes', 'x', 'config'])).err,
    'cria: the configuration cannot be used:\n' +
      '--selinux: crio.runtime.selinux: expected boolean, found "maybe"\n' +
      '--metrics-port: crio.metrics.metrics_port: expected integer, found "x"\n' +
      '--runtimes: crio.runtime.runtimes: "x" is not of the form name:path[:root[:type[:true|false[:config[:memory]]]]]\n',
  );
  assert.equal(
    (await run(['config'], { CONTAINER_PIDS_LIMIT: 'x' })).err,
    'cria: the configuration cannot be used:\n$CONTAINER_PIDS_LIMIT: crio.runtime.pids_limit: expected integer, found "x"\n',
  );
});

test('a named configuration file must exist', async () => {
  const path = join(root, 'absent');
  const { code, err } = await run(['--config', path, 'config']);
  assert.equal(code, 1);
  assert.equal(
    err,
    `cria: the configuration cannot be used:\n${path}: cannot be read: ENOENT: no such file or directory, open '${path}'\n`,
  );
});

test('the daemon does not start with a configuration that cannot work', async () => {
  const argv = ['--default-runtime', 'nope', '--monitor-path', '/nope/monitor', '--pause-path', '/bin/sh'];
  assert.deepEqual(await run(argv, { PATH: '/nowhere' }), {
    code: 1,
    out: '',
    err:
      'cria: the configuration cannot be used:\n' +
      '--default-runtime: crio.runtime.default_runtime: "nope" has no entry in [crio.runtime.runtimes] (there are: crun)\n' +
      '--monitor-path: cria.monitor_path: program /nope/monitor does not exist\n',
  });
});

test('cria check does not find a store without damage where there is none', async () => {
  const mountPoint = join(root, 'unmounted');
  await mkdir(mountPoint);
  for (const path of [mountPoint, join(mountPoint, 'storage')]) {
    const { code, err } = await run(['--root', path, '--runroot', join(root, 'run'), 'check']);
    assert.equal(code, 1);
    assert.match(err, /^cria: there is no image store in ".*unmounted.*", so nothing was checked/);
  }
  assert.deepEqual(await readdir(mountPoint), []);
});
