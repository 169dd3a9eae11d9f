// What DEL needs to know, on disk. A sandbox's record is made before its first ADD and removed after its last DEL, so a
// sandbox without one has nothing attached, and a daemon that dies at any moment leaves enough behind to release the
// pod's address and rules, whatever has become of the network's file since.
//
//   requests/ID.json   configuration and request, durable: address leases are on disk too and must be found again after
//                      a power loss
//   results/ID.json    what ADD gave, not durable: interfaces and rules that it tells of do not outlive the kernel

import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { type StateFile, StateFileError, stateFile } from '../fs/state-file.ts';
import { type NetworkConfig, parseNetwork } from './cni-config.ts';
import { annotationsCapability } from './cni-request.ts';
import type { CniResult } from './cni-result.ts';
import type { NetworkRequest, PortMapping } from './pod-network.ts';

export interface NetworkRecord {
  readonly network: NetworkConfig;
  readonly request: NetworkRequest;
  /** Undefined until ADD has ended. */
  readonly result: CniResult | undefined;
}

interface StoredRequest {
  readonly network: string;
  readonly request: Record<string, unknown>;
}

const requestFile: StateFile<StoredRequest> = stateFile({ version: 1, durable: true, parse: storedRequest });
const resultFile: StateFile<{ readonly result: CniResult }> = stateFile({
  version: 1,
  durable: false,
  parse: storedResult,
});

export class ResultCache {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes the directories, and removes what a crash in the middle of a write has left there. Idempotent. */
  async prepare(): Promise<void> {
    for (const kind of ['requests', 'results'] as const) {
      const directory = join(this.#directory, kind);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      for (const name of await readdir(directory)) {
        if (name.startsWith('.') && name.endsWith('.tmp')) await rm(join(directory, name), { force: true });
      }
    }
  }

  /** Makes the sandbox's record, without a result; on disk when this resolves. */
  async begin(network: NetworkConfig, request: NetworkRequest): Promise<void> {
    await requestFile.write(this.#path('requests', request.sandboxId), {
      network: network.text,
      request: {
        ...request,
        ingressBitsPerSecond: request.ingressBitsPerSecond?.toString(),
        egressBitsPerSecond: request.egressBitsPerSecond?.toString(),
        podAnnotations: wantsAnnotations(network) ? request.podAnnotations : undefined,
      },
    });
  }

  /** Adds the result of ADD to the record. */
  async finish(sandboxId: string, result: CniResult): Promise<void> {
    await resultFile.write(this.#path('results', sandboxId), { result });
  }

  /**
   * The sandbox's record, or undefined when there is none; throws StateFileError when it cannot be used. A result that
   * cannot be read counts as none.
   */
  async read(sandboxId: string): Promise<NetworkRecord | undefined> {
    const path = this.#path('requests', sandboxId);
    const stored = await requestFile.read(path);
    if (stored === undefined) return undefined;
    try {
      return {
        network: parseNetwork(stored.network),
        request: requestFrom(sandboxId, stored.request),
        result: await this.#result(sandboxId),
      };
    } catch (cause) {
      throw new StateFileError(`${path}: ${(cause as Error).message}`, { cause });
    }
  }

  /** All records that can be used; of the others their sandboxes' detach tells what is wrong. */
  async readAll(): Promise<NetworkRecord[]> {
    const ids = await this.list();
    const records = await Promise.all(ids.map((id) => this.read(id).catch(() => undefined)));
    return records.filter((record) => record !== undefined);
  }

  /** The sandboxes that have a record, usable or not. */
  async list(): Promise<string[]> {
    const names = await readdir(join(this.#directory, 'requests'));
    return names.flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -'.json'.length)] : []));
  }

  async #result(sandboxId: string): Promise<CniResult | undefined> {
    const stored = await resultFile.read(this.#path('results', sandboxId)).catch(() => undefined);
    return stored?.result;
  }

  /** Removes the sandbox's record; nothing when there is none. Needs no free space on the disk. */
  async remove(sandboxId: string): Promise<void> {
    await rm(this.#path('results', sandboxId), { force: true });
    await rm(this.#path('requests', sandboxId), { force: true });
  }

  /** Moves a record that cannot be used out of the way; gives its new path. */
  async setAside(sandboxId: string): Promise<string> {
    const path = this.#path('requests', sandboxId);
    await rename(path, `${path}.unreadable`);
    await rm(this.#path('results', sandboxId), { force: true });
    return `${path}.unreadable`;
  }

  #path(kind: 'requests' | 'results', sandboxId: string): string {
    return join(this.#directory, kind, `${sandboxId}.json`);
  }
}

/** They may be 256 KiB: only kept for a DEL that hands them on. */
function wantsAnnotations({ plugins }: NetworkConfig): boolean {
  return plugins.some(({ capabilities }) => capabilities.has(annotationsCapability));
}

function storedRequest({ network, request }: Record<string, unknown>): StoredRequest {
  if (typeof network !== 'string') throw new Error('"network" is not a string');
  if (!isObject(request)) throw new Error('"request" is not an object');
  return { network, request };
}

function storedResult({ result }: Record<string, unknown>): { result: CniResult } {
  if (!isObject(result)) throw new Error('"result" is not an object');
  return { result };
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
    portMappings: mappings.map(portMappingFrom),
    ingressBitsPerSecond: optionalBigint(stored, 'ingressBitsPerSecond'),
    egressBitsPerSecond: optionalBigint(stored, 'egressBitsPerSecond'),
    cgroupPath: stored['cgroupPath'] === undefined ? undefined : text(stored, 'cgroupPath'),
    podAnnotations: stored['podAnnotations'] === undefined ? undefined : texts(stored, 'podAnnotations'),
  };
}

function portMappingFrom(stored: unknown): PortMapping {
  if (!isObject(stored)) throw new Error('a port mapping is not an object');
  const { protocol, containerPort, hostPort } = stored;
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')
    throw new Error('"protocol" is unknown');
  if (!isPort(containerPort) || !isPort(hostPort)) throw new Error('a port is out of range');
  const hostIp = text(stored, 'hostIp');
  if (hostIp !== '' && isIP(hostIp) === 0) throw new Error('"hostIp" is not an address');
  return { protocol, containerPort, hostPort, hostIp };
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535;
}

function text(record: Record<string, unknown>, key: string): string {
  const value = record[key];
  if (typeof value !== 'string') throw new Error(`"${key}" is not a string`);
  return value;
}

function texts(record: Record<string, unknown>, key: string): Record<string, string> {
  const value = record[key];
  if (!isObject(value)) throw new Error(`"${key}" is not an object`);
  return Object.fromEntries(Object.keys(value).map((name) => [name, text(value, name)]));
}

function optionalBigint(record: Record<string, unknown>, key: string): bigint | undefined {
  return record[key] === undefined ? undefined : BigInt(text(record, key));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
