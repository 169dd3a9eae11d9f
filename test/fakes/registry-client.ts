// The product's registry client, set up for registries on the loopback address.

import { silentLogger } from '../../internal/log/logger.ts';
import { DistributionRegistry, type RegistryParts } from '../../internal/registry/distribution-registry.ts';
import { HttpTransport, type TransportParts } from '../../internal/registry/http-transport.ts';
import type { Environment } from '../../internal/registry/proxy-settings.ts';
import type {
  CredentialSource,
  RemoteImage,
  Repository,
  ShortNames,
  WantedImage,
} from '../../internal/registry/registry.ts';
import { TrustStore } from '../../internal/registry/trust-store.ts';

const never = new AbortController().signal;

/** Times that no honest registry exceeds, however busy the machine is. A test that waits for one makes that one short. */
export const testTimeouts = {
  connectMs: 60_000,
  responseMs: 60_000,
  noProgressMs: 60_000,
  documentMs: 60_000,
  idleMs: 60_000,
};

const noCredentials: CredentialSource = {
  forPull: async () => ({ lookup: async () => undefined }),
};

export const noShortNames: ShortNames = {
  follow: async () => {},
  alias: () => undefined,
  searchRegistries: () => [],
};

interface TransportOptions extends Partial<TransportParts> {
  /** In the form of certs.d. */
  readonly certificateFolders?: readonly string[];
  readonly env?: Environment;
}

export function transportTo({
  certificateFolders = [],
  env = {},
  ...parts
}: TransportOptions = {}): HttpTransport {
  return new HttpTransport({
    timeouts: testTimeouts,
    trust: new TrustStore(certificateFolders, env),
    proxyOf: () => undefined,
    userAgent: 'cria/test',
    ...parts,
  });
}

/** Every registry is its own and only place, and insecure; nobody has credentials. */
export function registryClient(
  parts: Partial<RegistryParts> & Pick<RegistryParts, 'transport'>,
): DistributionRegistry {
  return new DistributionRegistry({
    routes: { endpoints: async (repository) => [{ repository, insecure: true, isMirror: false }] },
    credentials: noCredentials,
    retry: { attempts: 3, firstDelayMs: 5, maxDelayMs: 20 },
    logger: silentLogger,
    ...parts,
  });
}

export function wanted(repository: Repository, tag: string): WantedImage {
  return { repository, version: { tag }, credentials: undefined, namespace: '' };
}

/** The image at the first place that gives its manifest. */
export function openImage(
  registry: DistributionRegistry,
  image: WantedImage,
  signal: AbortSignal = never,
): Promise<RemoteImage> {
  return registry.withImage(image, async (remote) => remote, signal);
}
