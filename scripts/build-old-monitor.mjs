// Compiles the monitor of an earlier commit and prints its path, for the tests of versions that meet:
//   node scripts/build-old-monitor.mjs [COMMIT]     the first released form is the default
// Ends with 3 and the reason when this clone does not have the commit.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [commit = '1a4dd6a'] = process.argv.slice(2);
const bin = `${root}dist/bin-old`;
const target = `${bin}/cria-monitor-${commit}`;

/** A clone that others own is as good: nothing of it is run but its C. */
function git(...args) {
  const found = spawnSync('git', ['-C', root, '-c', `safe.directory=${root.replace(/\/$/, '')}`, ...args], {
    maxBuffer: 64 << 20,
  });
  return found.status === 0 ? found.stdout : undefined;
}

function compile(archive) {
  mkdirSync(bin, { recursive: true });
  const folder = mkdtempSync(`${bin}/source-`);
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  const sources = readdirSync(`${folder}/cmd/cria-monitor`)
    .filter((name) => name.endsWith('.c'))
    .map((name) => `${folder}/cmd/cria-monitor/${name}`);
  const musl = spawnSync('musl-gcc', ['--version'], { stdio: 'ignore' }).status === 0;
  const compiler = process.env.CC ?? (musl ? 'musl-gcc' : 'cc');
  const temporary = `${target}.${process.pid}.new`;
  execFileSync(compiler, ['-std=c11', '-O2', '-D_GNU_SOURCE', '-static', '-o', temporary, ...sources]);
  renameSync(temporary, target);
  rmSync(folder, { recursive: true });
}

if (!existsSync(target)) {
  const archive = git('archive', commit, 'cmd/cria-monitor');
  if (archive === undefined) {
    console.error(`this clone does not have the commit ${commit}`);
    process.exit(3);
  }
  compile(archive);
}
console.log(target);
