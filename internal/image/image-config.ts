// The OCI image config, from JSON to what the daemon uses. Pure.

import { DaemonError } from '../errors/daemon-error.ts';
import { isDigest } from '../registry/digest.ts';
import type { Digest } from '../registry/registry.ts';
import type { ImageConfig } from './images.ts';
import { isRecord, type JsonObject, parseJsonObject } from './json-object.ts';

export interface ParsedImageConfig {
  readonly config: ImageConfig;
  /** Of the uncompressed layers, base first. */
  readonly diffIds: readonly Digest[];
  /** The epoch when the config does not say. */
  readonly createdAt: Date;
}

/** Reads a config; absent and null fields get their empty value, as builders leave out what is empty. */
export function parseImageConfig(bytes: Uint8Array): ParsedImageConfig {
  const document = parseJsonObject(bytes, 'config');
  const run = isRecord(document['config']) ? document['config'] : {};
  return {
    config: {
      user: text(run, 'User'),
      env: textList(run, 'Env'),
      entrypoint: textList(run, 'Entrypoint'),
      cmd: textList(run, 'Cmd'),
      workingDir: text(run, 'WorkingDir'),
      volumes: isRecord(run['Volumes']) ? Object.keys(run['Volumes']) : [],
      stopSignal: text(run, 'StopSignal'),
      labels: textMap(run, 'Labels'),
      architecture: text(document, 'architecture'),
      os: text(document, 'os'),
    },
    diffIds: parseDiffIds(document['rootfs']),
    createdAt: parseTime(document['created']),
  };
}

function parseDiffIds(rootfs: unknown): Digest[] {
  const diffIds = isRecord(rootfs) ? (rootfs['diff_ids'] ?? []) : undefined;
  if (!Array.isArray(diffIds) || !diffIds.every(isDigest)) throw invalid('has no valid list of diff ids');
  return diffIds;
}

function parseTime(value: unknown): Date {
  const time = new Date(typeof value === 'string' ? value : 0);
  return Number.isNaN(time.getTime()) ? new Date(0) : time;
}

function text(document: JsonObject, key: string): string {
  const value = document[key] ?? '';
  if (typeof value !== 'string') throw invalid(`has a field ${key} that is not a string`);
  return value;
}

function textList(document: JsonObject, key: string): string[] {
  const value = document[key] ?? [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw invalid(`has a field ${key} that is not a list of strings`);
  }
  return value;
}

function textMap(document: JsonObject, key: string): Record<string, string> {
  const value = document[key] ?? {};
  if (!isRecord(value) || !Object.values(value).every((item) => typeof item === 'string')) {
    throw invalid(`has a field ${key} that is not a map of strings`);
  }
  return value as Record<string, string>;
}

function invalid(problem: string): DaemonError {
  return new DaemonError('failed-precondition', `the image's config ${problem}`);
}
