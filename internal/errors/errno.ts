// Predicates for the errno of Node's file system and network errors.

/** The errno name (`ENOENT`) of a thrown system error, or undefined. */
export function errnoCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : undefined;
}

/** True for "no such file or directory". */
export function isENOENT(error: unknown): boolean {
  return errnoCode(error) === 'ENOENT';
}

/** True for "file exists". */
export function isEEXIST(error: unknown): boolean {
  return errnoCode(error) === 'EEXIST';
}

/** True when the disk, the inodes or a quota ran out. */
export function isDiskFull(error: unknown): boolean {
  const code = errnoCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** True when the process, or the whole node, may open no more files. */
export function isOutOfDescriptors(error: unknown): boolean {
  const code = errnoCode(error);
  return code === 'EMFILE' || code === 'ENFILE';
}

/** True for the error an AbortSignal raises. */
export function isAbortError(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
}
