// The policy that counts for a namespace, as it is on disk now.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import { type PolicyDocument, parsePolicy } from './policy-document.ts';

export interface PolicyPaths {
  /** Of the node. */
  readonly file: string;
  /** Holds `<namespace>.json`, which replaces the node's policy for pods of that namespace. */
  readonly directory: string;
}

interface Cached {
  readonly version: string;
  readonly policy: PolicyDocument;
}

const maxPolicyBytes = 4 * 1024 * 1024;
/** Kubernetes' own rule for names of namespaces (RFC 1123): nothing else may become part of a path. */
const namespacePattern = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Reads policies; a file that has not changed is not parsed again. */
export class PolicyFiles {
  readonly #paths: PolicyPaths;
  readonly #cache = new Map<string, Cached>();

  constructor(paths: PolicyPaths) {
    this.#paths = paths;
  }

  /** The namespace's policy, or the node's. A policy that is missing or wrong is an error: nothing is allowed by it. */
  async read(namespace: string): Promise<PolicyDocument> {
    const own = namespacePattern.test(namespace)
      ? await this.#load(join(this.#paths.directory, `${namespace}.json`))
      : undefined;
    const policy = own ?? (await this.#load(this.#paths.file));
    if (policy !== undefined) return policy;
    throw refusal(`signature policy ${this.#paths.file} does not exist: create it or set signature_policy`);
  }

  async #load(path: string): Promise<PolicyDocument | undefined> {
    try {
      const file = await open(path, 'r');
      try {
        const { ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
        const version = `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
        const cached = this.#cache.get(path);
        if (cached?.version === version) return cached.policy;
        if (size > maxPolicyBytes) throw new Error(`it has more than ${maxPolicyBytes} bytes`);
        const policy = parsePolicy(await file.readFile());
        this.#cache.set(path, { version, policy });
        return policy;
      } finally {
        await file.close();
      }
    } catch (cause) {
      if (isENOENT(cause)) return undefined;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw refusal(`signature policy ${path} cannot be used: ${why}`, cause);
    }
  }
}

/** The kubelet shows the reason `SignatureValidationFailed` for this prefix, under gRPC code UNKNOWN only. */
export function refusal(text: string, cause?: unknown): DaemonError {
  return new DaemonError('unknown', `SignatureValidationFailed: ${text}`, cause);
}
