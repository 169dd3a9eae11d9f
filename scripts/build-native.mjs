// Compiles the native programs: node scripts/build-native.mjs [VARIANT...]
//   product  dist/bin: static, by musl-gcc where it is installed, else by the system's compiler; the default
//   fault    dist/bin-fault: the product's monitor, but the points of fault.h are real
//   asan     dist/bin-asan: the monitor under AddressSanitizer and UBSan, by clang where it is installed, else gcc
//   fuzz     dist/bin-fuzz/TARGET: a libFuzzer program for each test/fuzz/TARGET-fuzzer.c, by clang
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const monitor = `${root}cmd/cria-monitor`;
const faultPoint = `${root}test/native/fault-point.c`;

const strict = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE'];
const product = [...strict, '-O2', '-D_FORTIFY_SOURCE=2', '-fstack-protector-strong', '-ffunction-sections'];
product.push('-fdata-sections', '-fno-pie', '-static', '-s');
product.push('-Wl,-z,relro,-z,now,--gc-sections,--sort-section=alignment');
// A report ends the process, so that no test can pass over it; and line numbers in the report.
const sanitized = [...strict, '-O1', '-g', '-fno-omit-frame-pointer', '-fno-sanitize-recover=all'];

function isInstalled(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

const staticCompiler = () => process.env.CC ?? (isInstalled('musl-gcc') ? 'musl-gcc' : 'cc');
const clang = () => 'clang';
const archiver = () => 'ar';
const sanitizingCompiler = () => (isInstalled('clang') ? 'clang' : 'cc');

function filesOf(folder, end) {
  return readdirSync(folder)
    .filter((name) => name.endsWith(end))
    .map((name) => `${folder}/${name}`);
}

function modified(paths) {
  return Math.max(...paths.map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0));
}

/** Compiles unless the target is newer than all that it is made of. */
function compile(compiler, target, flags, sources, headers = []) {
  if (modified([target]) > modified([...sources, ...headers, fileURLToPath(import.meta.url)])) return;
  const temporary = `${target}.${process.pid}.new`;
  const output = compiler === archiver ? [] : ['-o'];
  execFileSync(compiler(), [...flags, ...output, temporary, ...sources], { stdio: 'inherit' });
  renameSync(temporary, target);
}

function folder(name) {
  const path = `${root}dist/${name}`;
  mkdirSync(path, { recursive: true });
  return path;
}

const headers = filesOf(monitor, '.h');

function buildProduct() {
  const bin = folder('bin');
  compile(staticCompiler, `${bin}/cria-monitor`, product, filesOf(monitor, '.c'), headers);
  compile(staticCompiler, `${bin}/cria-pause`, product, filesOf(`${root}cmd/cria-pause`, '.c'));
}

function buildFault() {
  const sources = [...filesOf(monitor, '.c'), faultPoint];
  compile(
    staticCompiler,
    `${folder('bin-fault')}/cria-monitor`,
    [...product, '-DFAULT_POINTS'],
    sources,
    headers,
  );
}

function buildAsan() {
  const bin = folder('bin-asan');
  const flags = [
    ...sanitized,
    '-fsanitize=address,undefined',
    `-DREPORTS="${folder('bin-asan/reports')}/report"`,
  ];
  const sources = [...filesOf(monitor, '.c'), `${root}test/native/sanitizer-options.c`];
  compile(sanitizingCompiler, `${bin}/cria-monitor`, flags, sources, headers);
}

/** The monitor as a library, so that a fuzzer may take a source file in as text and test what is static there. */
function buildFuzz() {
  if (!isInstalled('clang')) {
    console.error(
      'the fuzzers need clang and its runtime library (Debian: clang, libclang-rt-14-dev or the like)',
    );
    process.exit(1);
  }
  const bin = folder('bin-fuzz');
  const fuzz = filesOf(`${root}test/fuzz`, '.c');
  const isFuzzer = (path) => path.endsWith('-fuzzer.c');
  const sources = [...filesOf(monitor, '.c'), ...fuzz.filter((path) => !isFuzzer(path))];
  const parts = sources.filter((path) => !path.endsWith('/main.c'));
  const flags = [...sanitized, '-fsanitize=fuzzer-no-link,address,undefined', '-c'];
  const objectOf = (source) => `${folder('bin-fuzz/objects')}/${basename(source)}.o`;
  const allHeaders = [...headers, ...filesOf(`${root}test/fuzz`, '.h')];
  for (const source of parts) compile(clang, objectOf(source), flags, [source], allHeaders);
  const library = `${bin}/libmonitor.a`;
  compile(archiver, library, ['rcs'], parts.map(objectOf));
  for (const fuzzer of fuzz.filter(isFuzzer)) {
    const link = [...sanitized, '-fsanitize=fuzzer,address,undefined', `-I${monitor}`];
    const target = `${bin}/${basename(fuzzer, '-fuzzer.c')}`;
    compile(clang, target, link, [fuzzer, library], [...allHeaders, ...sources]);
  }
}

const builders = { product: buildProduct, fault: buildFault, asan: buildAsan, fuzz: buildFuzz };
const variants = process.argv.length > 2 ? process.argv.slice(2) : ['product'];

for (const variant of variants) {
  if (builders[variant] === undefined)
    throw new Error(`no variant ${variant}: ${Object.keys(builders).join(', ')}`);
  builders[variant]();
}
