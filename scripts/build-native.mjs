// Compiles the native programs to dist/bin: static, by musl-gcc where it is installed, else by the system's compiler.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = `${root}dist/bin`;
const programs = ['cria-monitor', 'cria-pause'];

const flags = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', '-D_FORTIFY_SOURCE=2'];
flags.push('-fstack-protector-strong', '-ffunction-sections', '-fdata-sections', '-fno-pie', '-static', '-s');
flags.push('-Wl,-z,relro,-z,now,--gc-sections,--sort-section=alignment');

function compiler() {
  if (process.env.CC) return process.env.CC;
  const musl = spawnSync('musl-gcc', ['--version'], { stdio: 'ignore' });
  return musl.status === 0 ? 'musl-gcc' : 'cc';
}

function newest(paths) {
  return Math.max(...paths.map((path) => statSync(path).mtimeMs));
}

mkdirSync(bin, { recursive: true });
for (const program of programs) {
  const folder = `${root}cmd/${program}`;
  const files = readdirSync(folder).map((name) => `${folder}/${name}`);
  const target = `${bin}/${program}`;
  const built = statSync(target, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built > newest([...files, fileURLToPath(import.meta.url)])) continue;
  const sources = files.filter((path) => path.endsWith('.c'));
  const temporary = `${target}.${process.pid}.new`;
  execFileSync(compiler(), [...flags, '-o', temporary, ...sources], { stdio: 'inherit' });
  renameSync(temporary, target);
}
