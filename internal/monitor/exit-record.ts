// What a monitor leaves on disk when its container has ended, so that nobody needs to have been there.

import { stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';
import { readTextIfThere } from '../fs/read-text.ts';
import type { ExitRecord } from './monitor.ts';

const recordVersion = 1;

/** The record of a container whose end nobody saw. */
export function monitorLostRecord(finishedAtNanos: bigint): ExitRecord {
  const unknown = { signal: undefined, oom: false, logDroppedBytes: 0 };
  return { code: 255, ...unknown, finishedAtNanos, reason: 'MonitorLost' };
}

/** The exit in a control message or a record file; undefined when it is not one. */
export function parseExit(value: Readonly<Record<string, unknown>>): ExitRecord | undefined {
  const { code, signal, oom, finishedAt, logDroppedBytes, reason } = value;
  if (typeof code !== 'number' || !Number.isInteger(code) || code < 0 || code > 255) return undefined;
  if (typeof finishedAt !== 'string' || !/^\d{1,19}$/.test(finishedAt)) return undefined;
  return {
    code,
    signal: typeof signal === 'number' ? signal : undefined,
    oom: oom === true,
    finishedAtNanos: BigInt(finishedAt),
    logDroppedBytes: Number(logDroppedBytes ?? 0) || 0,
    reason: typeof reason === 'string' ? reason : 'exited',
  };
}

/** The record at `path`; undefined when there is none or it was torn by a loss of power. */
export async function readExitRecord(path: string): Promise<ExitRecord | undefined> {
  const text = await readTextIfThere(path);
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    return value['version'] === recordVersion ? parseExit(value) : undefined;
  } catch {
    return undefined;
  }
}

/** The same from a file as conmon writes it: the code as decimal text, the file's time is the time of the exit. */
export async function readExitCodeFile(path: string): Promise<ExitRecord | undefined> {
  const text = (await readTextIfThere(path))?.trim() ?? '';
  if (!/^\d{1,3}$/.test(text) || Number(text) > 255) return undefined;
  const code = Number(text);
  const { mtimeNs } = await stat(path, { bigint: true });
  return {
    code,
    signal: code > 128 ? code - 128 : undefined,
    oom: false,
    finishedAtNanos: mtimeNs,
    logDroppedBytes: 0,
    reason: 'exited',
  };
}

/** Deletes the record at `path` and what a killed monitor may have left of it. Absent is success. */
export async function deleteExitRecord(path: string, name: string): Promise<void> {
  for (const file of [path, join(dirname(path), `.${name}.tmp`)]) {
    try {
      await unlink(file);
    } catch (cause) {
      if (!isENOENT(cause)) throw cause;
    }
  }
}
