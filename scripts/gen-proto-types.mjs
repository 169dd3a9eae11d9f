// Writes the TypeScript types of the CRI messages to internal/cri/gen (git-ignored), unless they are newer than the proto.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const proto = 'proto/runtime/v1/api.proto';
const out = 'internal/cri/gen';

function modified(path) {
  return statSync(`${root}/${path}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

if (modified(`${out}/api.ts`) < modified(proto)) {
  rmSync(`${root}/${out}`, { recursive: true, force: true });
  mkdirSync(`${root}/${out}`, { recursive: true });
  const args = ['--longs=String', '--enums=String', '--defaults', '--oneofs', '--grpcLib=@grpc/grpc-js'];
  args.push(
    '--importFileExtension=.ts',
    `--outDir=${out}`,
    '--includeDirs=proto/runtime/v1',
    '--',
    'api.proto',
  );
  execFileSync(`${root}/node_modules/.bin/proto-loader-gen-types`, args, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
