// The signature policy of the node.

import { dirname, join } from 'node:path';
import type { Config } from '../../internal/config/options.ts';
import { GpgVerifier } from '../../internal/policy/gpg-verifier.ts';
import { NodePolicy } from '../../internal/policy/node-policy.ts';
import type { ImagePolicy } from '../../internal/policy/policy.ts';
import { PolicyFiles } from '../../internal/policy/policy-files.ts';
import type { CommandRunner } from '../../internal/process/command-runner.ts';
import type { HttpTransport } from '../../internal/registry/http-transport.ts';

/** Where containers/image has it. */
const usualPolicy = '/etc/containers/policy.json';

/** Reads nothing yet: a policy that is missing or wrong refuses images, and does not keep the daemon from starting. */
export function wirePolicy(
  { cria, image }: Config,
  runner: CommandRunner,
  transport: HttpTransport,
): ImagePolicy {
  return new NodePolicy({
    files: new PolicyFiles({
      file: image.signature_policy === '' ? usualPolicy : image.signature_policy,
      directory: image.signature_policy_dir,
    }),
    gpg: new GpgVerifier({
      runner,
      searchPath: process.env['PATH'] ?? '',
      directory: join(cria.run_dir, 'keyrings'),
    }),
    placesDirectory: join(dirname(cria.registries_conf), 'registries.d'),
    transport,
  });
}
