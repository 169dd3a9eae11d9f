// Image signatures are not verified yet. A node whose policy asks for them must not believe that they are.

import { readFile } from 'node:fs/promises';
import { describeError } from '../../internal/errors/daemon-error.ts';
import { isENOENT } from '../../internal/errors/errno.ts';
import type { Logger } from '../../internal/log/logger.ts';

const usualPolicy = '/etc/containers/policy.json';

/** Logs an error when the node's policy has a requirement other than `insecureAcceptAnything`, or cannot be read. */
export async function warnOfPolicy(signaturePolicy: string, logger: Logger): Promise<void> {
  const path = signaturePolicy === '' ? usualPolicy : signaturePolicy;
  try {
    const types = requirementTypes(JSON.parse(await readFile(path, 'utf8')));
    const unmet = [...new Set(types)].filter((type) => type !== 'insecureAcceptAnything');
    if (unmet.length === 0) return;
    logger.error(
      { path, requirements: unmet.join(', ') },
      'image signatures are not verified by this version',
    );
  } catch (cause) {
    if (isENOENT(cause)) return;
    logger.error(
      { path, error: describeError(cause) },
      'the signature policy cannot be read, and is not applied',
    );
  }
}

/** Every `type` in the document: requirements are the only objects that have one on the way down to them. */
function requirementTypes(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap((item: { type?: unknown }) => [String(item?.type)]);
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(requirementTypes);
}
