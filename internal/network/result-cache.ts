// What DEL needs to know, on disk: one record per sandbox, made before its first ADD, removed after its last DEL.
//
// So a sandbox without a record has nothing attached, and a daemon that dies at any moment leaves enough behind to
// release the pod's address and rules, whatever has become of the network's file since.

import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type StateFile, StateFileError, stateFile } from '../fs/state-file.ts';
import { type NetworkConfig, parseNetwork } from './cni-config.ts';
import type { CniResult } from './cni-result.ts';
import type { NetworkRequest, PortMapping } from './pod-network.ts';

export interface NetworkRecord {
  readonly network: NetworkConfig;
  readonly request: NetworkRequest;
  /** Undefined until ADD has ended. */
  readonly result: CniResult | undefined;
}

interface StoredRecord {
  readonly network: string;
  readonly request: Record<string, unknown>;
  readonly result?: CniResult;
}

export class ResultCache {
  readonly #directory: string;
  // Durable: leases of the address plugins live on disk too, so after a power loss they must be found again.
  readonly #file: StateFile<StoredRecord> = stateFile({ version: 1, durable: true, parse: storedRecord });

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes the directory, and removes what a crash in the middle of a write has left there. Idempotent. */
  async prepare(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#directory)) {
      if (name.startsWith('.') && name.endsWith('.tmp'))
        await rm(join(this.#directory, name), { force: true });
    }
  }

  /** Replaces the sandbox's record; on disk when this resolves. */
  async write(record: NetworkRecord): Promise<void> {
    const { network, request, result } = record;
    await this.#file.write(this.#path(request.sandboxId), {
      network: network.text,
      request: {
        ...request,
        ingressBitsPerSecond: request.ingressBitsPerSecond?.toString(),
        egressBitsPerSecond: request.egressBitsPerSecond?.toString(),
      },
      ...(result === undefined ? {} : { result }),
    });
  }

  /** The sandbox's record, or undefined when there is none; throws StateFileError when it cannot be used. */
  async read(sandboxId: string): Promise<NetworkRecord | undefined> {
    const path = this.#path(sandboxId);
    const stored = await this.#file.read(path);
    if (stored === undefined) return undefined;
    try {
      return {
        network: parseNetwork(stored.network),
        request: requestFrom(sandboxId, stored.request),
        result: stored.result,
      };
    } catch (cause) {
      throw new StateFileError(`${path}: ${(cause as Error).message}`, { cause });
    }
  }

  /** Removes the sandbox's record; nothing when there is none. Needs no free space on the disk. */
  async remove(sandboxId: string): Promise<void> {
    await rm(this.#path(sandboxId), { force: true });
  }

  /** Moves a record that cannot be used out of the way; gives its new path. */
  async setAside(sandboxId: string): Promise<string> {
    const path = `${this.#path(sandboxId)}.unreadable`;
    await rename(this.#path(sandboxId), path);
    return path;
  }

  #path(sandboxId: string): string {
    return join(this.#directory, `${sandboxId}.json`);
  }
}

function storedRecord(value: Record<string, unknown>): StoredRecord {
  const { network, request, result } = value;
  if (typeof network !== 'string') throw new Error('"network" is not a string');
  if (!isObject(request)) throw new Error('"request" is not an object');
  if (result !== undefined && !isObject(result)) throw new Error('"result" is not an object');
  return { network, request, ...(result === undefined ? {} : { result }) };
}

function requestFrom(sandboxId: string, stored: Record<string, unknown>): NetworkRequest {
  if (text(stored, 'sandboxId') !== sandboxId) throw new Error('is the record of another sandbox');
  const mappings = stored['portMappings'];
  if (!Array.isArray(mappings)) throw new Error('"portMappings" is not a list');
  return {
    sandboxId,
    netnsPath: text(stored, 'netnsPath'),
    podName: text(stored, 'podName'),
    podNamespace: text(stored, 'podNamespace'),
    podUid: text(stored, 'podUid'),
    portMappings: mappings as PortMapping[],
    ingressBitsPerSecond: optionalBigint(stored, 'ingressBitsPerSecond'),
    egressBitsPerSecond: optionalBigint(stored, 'egressBitsPerSecond'),
    cgroupPath: stored['cgroupPath'] === undefined ? undefined : text(stored, 'cgroupPath'),
  };
}

function text(record: Record<string, unknown>, key: string): string {
  const value = record[key];
  if (typeof value !== 'string') throw new Error(`"${key}" is not a string`);
  return value;
}

function optionalBigint(record: Record<string, unknown>, key: string): bigint | undefined {
  return record[key] === undefined ? undefined : BigInt(text(record, key));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
