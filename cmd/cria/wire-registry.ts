// The registry client with what the node says of registries: registries.conf, auth files, certificates, proxies.

import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Config } from '../../internal/config/options.ts';
import { DaemonError } from '../../internal/errors/daemon-error.ts';
import type { Logger } from '../../internal/log/logger.ts';
import type { CommandRunner } from '../../internal/process/command-runner.ts';
import { authFilesOf } from '../../internal/registry/auth-files.ts';
import { CredentialHelpers } from '../../internal/registry/credential-helper.ts';
import { DistributionRegistry } from '../../internal/registry/distribution-registry.ts';
import { defaultCertificateFolders } from '../../internal/registry/host-certificates.ts';
import { defaultTimeouts, HttpTransport } from '../../internal/registry/http-transport.ts';
import { NamespacedAuth } from '../../internal/registry/namespaced-auth.ts';
import { NodeCredentials } from '../../internal/registry/node-credentials.ts';
import { type ProxyOf, proxySettings } from '../../internal/registry/proxy-settings.ts';
import { defaultAliasCache, RegistriesFile } from '../../internal/registry/registries-file.ts';
import { defaultRetry } from '../../internal/registry/retry.ts';
import { TrustStore } from '../../internal/registry/trust-store.ts';
import { versionInfo } from './version.ts';

export interface RegistryAccess {
  readonly registry: DistributionRegistry;
  readonly registries: RegistriesFile;
  /** For other things that are fetched by HTTP; closed by nobody, its connections end by themselves. */
  readonly transport: HttpTransport;
}

/** Reads registries.conf; throws when it cannot be understood. `runner` is for credential helpers. */
export async function wireRegistry(
  config: Config,
  runner: CommandRunner,
  logger: Logger,
): Promise<RegistryAccess> {
  const { image, cria } = config;
  const paths = { main: cria.registries_conf, aliasCache: defaultAliasCache };
  const registries = new RegistriesFile(paths, logger);
  await registries.reload();
  const namespaced = new NamespacedAuth(image.namespaced_auth_dir, logger);
  await namespaced.removeLeftovers();
  const { env } = process;
  const credentials = new NodeCredentials({
    files: authFilesOf(image.global_auth_file, env, homedir()),
    namespaced,
    helpers: new CredentialHelpers(runner, env),
    helperNames: () => registries.credentialHelpers(),
  });
  const beside = join(dirname(cria.registries_conf), 'certs.d');
  const transport = new HttpTransport({
    timeouts: defaultTimeouts,
    trust: new TrustStore([...new Set([beside, ...defaultCertificateFolders])], env),
    proxyOf: proxiesOf(env),
    userAgent: `cria/${versionInfo().version}`,
  });
  const registry = new DistributionRegistry({
    routes: registries,
    credentials,
    transport,
    retry: defaultRetry,
    logger,
  });
  return { registry, registries, transport };
}

function proxiesOf(env: NodeJS.ProcessEnv): ProxyOf {
  try {
    return proxySettings(env);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DaemonError('failed-precondition', `environment variable ${why}`);
  }
}
