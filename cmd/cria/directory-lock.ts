// One daemon per run directory: two would both adopt the same monitors.

import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import { lockHolder, tryLockFile } from '../../internal/sys/file-lock.ts';

/** Takes the directory for this process until the returned function is called or the process ends. */
export function lockDirectory(directory: string): () => void {
  const path = join(directory, 'lock');
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  if (tryLockFile(fd, 'write')) return () => closeSync(fd);
  const holder = lockHolder(fd);
  closeSync(fd);
  const who = holder === undefined ? 'another daemon' : `the daemon with pid ${holder}`;
  throw new DaemonError(
    'failed-precondition',
    `${who} uses "${directory}" (run_dir in [cria]); stop it first`,
  );
}
