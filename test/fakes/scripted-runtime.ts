// An OCI runtime that is a shell script: for inits and commands of a kind that no real runtime makes.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Writes a runtime below `directory` and returns its path. The scripts see $bundle, $pid_file and $id; whatever creates
 * or execs has to write the pid file. Every other verb succeeds and does nothing.
 */
export function scriptedRuntime(
  directory: string,
  scripts: { readonly create?: string; readonly exec?: string },
): string {
  const path = join(directory, `runtime-${Math.random().toString(36).slice(2)}`);
  const text = `#!/bin/sh
while [ $# -gt 1 ]; do
  case "$1" in
    --bundle) bundle=$2; shift ;;
    --pid-file) pid_file=$2; shift ;;
    --root|--process|--cgroup|--console-socket) shift ;;
    create|exec|delete) verb=$1 ;;
  esac
  shift
done
id=$1
case "$verb" in
  create) ${scripts.create ?? 'true'} ;;
  exec) ${scripts.exec ?? 'true'} ;;
esac
`;
  writeFileSync(path, text, { mode: 0o755 });
  return path;
}
