// Who may import whom, executed. The table is explained in ARCHITECTURE.md.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** From the edge to the foundation: a layer may import any later one; folders of one layer may not import each other. */
const layers: readonly (readonly string[])[] = [
  ['cri-client'],
  ['cri'],
  ['streaming'],
  ['sandbox'],
  ['container'],
  ['image'],
  ['policy'],
  [
    'apparmor',
    'selinux',
    'oci',
    'monitor',
    'storage',
    'registry',
    'network',
    'namespaces',
    'cgroup',
    'cdi',
    'hooks',
    'tuning',
  ],
  ['config', 'metrics'],
  ['tls', 'documents'],
  ['fs'],
  ['process'],
  ['sys'],
  ['records'],
  ['async'],
  ['log'],
  ['errors'],
];

/** Modules that only these folders may use. */
const reserved: Readonly<Record<string, readonly string[]>> = {
  koffi: ['sys'],
  'node:child_process': ['monitor'],
  '@grpc/grpc-js': ['cri', 'cri-client'],
  ws: ['streaming', 'cri-client'],
};

interface Import {
  readonly file: string;
  readonly folder: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.startsWith('cri/gen/'))
    .map((name) => join(folder, name));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const folder = file.split('/')[1] ?? '';
  const found = text.matchAll(/^(?:import|export)\s+(type\s)?[^'";]*?(?:from\s+)?'([^']+)';/gms);
  return [...found].map(([, type, target]) => ({
    file,
    folder,
    target: target ?? '',
    typeOnly: type !== undefined,
  }));
}

function layerOf(folder: string): number {
  return layers.findIndex((layer) => layer.includes(folder));
}

function problemOf(found: Import): string | undefined {
  if (!found.target.startsWith('.')) {
    const allowed = reserved[found.target];
    const bad = allowed !== undefined && !allowed.includes(found.folder);
    return bad ? `${found.file} -> ${found.target}` : undefined;
  }
  const path = relative(root, resolve(root, dirname(found.file), found.target));
  if (!path.startsWith('internal/')) return `${found.file} -> ${path}`;
  const target = path.split('/')[1] ?? '';
  if (target === found.folder) return undefined;
  const [from, to] = [layerOf(found.folder), layerOf(target)];
  return from < 0 || to <= from ? `${found.file} -> internal/${target}` : undefined;
}

test('internal folders import only what lies below them', () => {
  const imports = sourceFiles('internal').flatMap(importsOf);
  assert.ok(imports.length > 5, 'no imports found: the test looks in the wrong place');
  assert.deepEqual(
    imports.map(problemOf).filter((problem) => problem !== undefined),
    [],
  );
});

test('a planted upward import is found', () => {
  const planted = {
    file: 'internal/async/x.ts',
    folder: 'async',
    target: '../cri/server.ts',
    typeOnly: false,
  };
  assert.equal(problemOf(planted), 'internal/async/x.ts -> internal/cri');
});

test('domain folders take adapters as types only', () => {
  const adapters = layers.find((layer) => layer.includes('storage')) ?? [];
  const wrong = ['sandbox', 'container']
    .flatMap((folder) => sourceFiles(`internal/${folder}`).flatMap(importsOf))
    .filter((found) => !found.typeOnly && adapters.some((adapter) => found.target.includes(`/${adapter}/`)));
  assert.deepEqual(
    wrong.map((found) => `${found.file} -> ${found.target}`),
    [],
  );
});
