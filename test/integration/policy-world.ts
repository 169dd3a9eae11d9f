// A node's policy files in a directory of a test, and the product's images that obey them.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GpgVerifier } from '../../internal/policy/gpg-verifier.ts';
import { NodePolicy } from '../../internal/policy/node-policy.ts';
import { PolicyFiles } from '../../internal/policy/policy-files.ts';
import type { Digest } from '../../internal/registry/registry.ts';
import { transportTo } from '../fakes/registry-client.ts';
import { nodeCommandRunner } from '../harness/node-command-runner.ts';
import { TestImages } from './image-world.ts';
import type { World } from './storage-world.ts';

export class PolicyWorld {
  readonly images: TestImages;
  readonly policyFile: string;
  readonly placesDirectory: string;
  readonly lookaside: string;
  readonly #directory: string;
  readonly #transport = transportTo();

  constructor(world: World) {
    const directory = world.directory;
    this.#directory = directory;
    this.policyFile = join(directory, 'node-policy.json');
    this.placesDirectory = join(directory, 'registries.d');
    this.lookaside = join(directory, 'lookaside');
    for (const path of [this.placesDirectory, this.lookaside, this.namespaces]) mkdirSync(path);
    this.setPlaces(`default-docker:\n  lookaside: file://${this.lookaside}\n`);
    const policy = new NodePolicy({
      files: new PolicyFiles({ file: this.policyFile, directory: this.namespaces }),
      gpg: new GpgVerifier({
        runner: nodeCommandRunner,
        searchPath: process.env['PATH'] ?? '',
        directory: join(directory, 'keyrings'),
      }),
      placesDirectory: this.placesDirectory,
      transport: this.#transport,
    });
    this.images = new TestImages(world, policy);
  }

  get namespaces(): string {
    return join(this.#directory, 'policies');
  }

  setPlaces(yaml: string): void {
    writeFileSync(join(this.placesDirectory, 'all.yaml'), yaml);
  }

  /** The policy asks this of every image of every registry. */
  require(...requirements: readonly object[]): void {
    writeFileSync(this.policyFile, JSON.stringify({ default: requirements }));
  }

  requireIn(namespace: string, ...requirements: readonly object[]): void {
    writeFileSync(join(this.namespaces, `${namespace}.json`), JSON.stringify({ default: requirements }));
  }

  /** Puts a signature beside the registry. */
  addSignature(repositoryPath: string, digest: Digest, signature: Uint8Array, number = 1): void {
    const folder = join(this.lookaside, `${repositoryPath}@${digest.replace(':', '=')}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `signature-${number}`), signature);
  }

  async close(): Promise<void> {
    this.#transport.close();
    await this.images.close();
  }
}

/** The document that a GPG signature of containers/image is made over. */
export function simpleSigningPayload(dockerReference: string, digest: Digest): string {
  return claim('atomic container signature', dockerReference, digest);
}

export function sigstorePayload(dockerReference: string, digest: Digest): string {
  return claim('cosign container image signature', dockerReference, digest);
}

function claim(type: string, dockerReference: string, digest: Digest): string {
  return JSON.stringify({
    critical: {
      identity: { 'docker-reference': dockerReference },
      image: { 'docker-manifest-digest': digest },
      type,
    },
    optional: { creator: 'test', timestamp: 1_700_000_000 },
  });
}
