// A daemon that pulls, a registry with one image of three layers, and a folder for certificates and auth files.

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServiceError } from '@grpc/grpc-js';
import { Crictl } from './crictl.ts';
import { TestDaemon } from './daemon.ts';
import { type WrittenImage, writeOciLayout } from './oci-layout.ts';
import { TestRegistry } from './registry.ts';

/** The parts of AuthConfig; what is left out is empty. */
export interface GivenAuth {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
  readonly serverAddress?: string;
}

export interface Refusal {
  readonly code: number;
  readonly details: string;
}

export class PullWorld {
  readonly folder: string;
  readonly registry: TestRegistry;
  readonly daemon: TestDaemon;
  readonly crictl: Crictl;
  readonly image: WrittenImage;
  /** Of the biggest layer, which nothing compresses. */
  readonly bigLayerBytes = 5 * 1024 * 1024;

  private constructor(folder: string, registry: TestRegistry, image: WrittenImage, daemon: TestDaemon) {
    this.folder = folder;
    this.registry = registry;
    this.image = image;
    this.daemon = daemon;
    this.crictl = new Crictl(daemon);
  }

  /** The daemon's `[crio.image]` reads credentials below the folder; it is not started yet. */
  static async open(moreImageToml = ''): Promise<PullWorld> {
    const folder = mkdtempSync(join(tmpdir(), 'cria-pull-'));
    const registry = await TestRegistry.start();
    const layout = join(folder, 'layout');
    const layers = ['one', 'two', 'big'].map((name) => join(folder, name));
    for (const layer of layers) mkdirSync(layer);
    writeFileSync(join(folder, 'one/one'), 'one');
    writeFileSync(join(folder, 'two/two'), 'two');
    writeFileSync(join(folder, 'big/big'), randomBytes(5 * 1024 * 1024));
    const image = writeOciLayout(layout, { name: 'three', layers, config: { Cmd: ['/one'] } });
    await registry.push(layout, 'team/three', 'v1');
    const imageToml = `
global_auth_file = "${folder}/auth.json"
namespaced_auth_dir = "${folder}/namespaced"
${moreImageToml}
`;
    return new PullWorld(folder, registry, image, new TestDaemon({ imageToml }));
  }

  /** Replaces the daemon's registries.conf; it follows by itself. */
  setRegistries(text: string): void {
    writeFileSync(this.daemon.paths.registriesConf, text);
  }

  writeAuth(document: object): void {
    writeFileSync(join(this.folder, 'auth.json'), JSON.stringify(document));
  }

  /** Pulls the image from `host`, takes it away again, and resolves with its id. */
  async pull(host: string, auth: GivenAuth = {}, namespace = ''): Promise<string> {
    const image = { image: `${host}/team/three:v1` };
    const sandboxConfig = { metadata: { name: 'pod', uid: 'uid', namespace, attempt: 0 } };
    const { imageRef } = await this.daemon.client.image('PullImage', { image, auth, sandboxConfig });
    await this.daemon.client.image('RemoveImage', { image: { image: imageRef } });
    return imageRef;
  }

  /** The refusal of a pull that must fail. */
  async refusal(host: string, auth: GivenAuth = {}): Promise<Refusal> {
    try {
      await this.pull(host, auth);
    } catch (error) {
      const { code, details } = error as ServiceError;
      return { code, details };
    }
    throw new Error(`the pull from ${host} succeeded`);
  }

  log(): string {
    return readFileSync(this.daemon.logFile, 'utf8');
  }

  async close(): Promise<void> {
    await this.daemon.destroy();
    await this.registry.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
