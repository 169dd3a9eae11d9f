// SELinux of this machine's kernel and the policy that the node has loaded.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import { errnoCode, isENOENT } from '../errors/errno.ts';
import type { Logger } from '../log/logger.ts';
import { type ContainerContexts, labelsAt, levelOf, parseContexts, withOptions } from './label.ts';
import { PodLevels } from './pod-levels.ts';
import { relabel } from './relabel.ts';
import type { Labels, RelabelRequest, SELinux, SELinuxOptions } from './selinux.ts';

export interface SELinuxParts {
  /** The option selinux. */
  readonly isWanted: boolean;
  readonly logger: Logger;
  /** In the place of `/`. */
  readonly root?: string;
}

/** What SELinux is here: the kernel's, or none, with a warning where that is not what was asked for. */
export async function openSELinux({ isWanted, logger, root = '/' }: SELinuxParts): Promise<SELinux> {
  if (!isWanted) return new NoSELinux();
  if (!(await hasPolicy(root))) {
    logger.warn({}, 'selinux is set, but this kernel has SELinux off: pods run without labels');
    return new NoSELinux();
  }
  const contexts = await readContexts(root);
  if (contexts === undefined) {
    logger.warn({}, 'selinux is set, but the policy has no labels for containers: install container-selinux');
    return new NoSELinux();
  }
  return new KernelSELinux(contexts, join(root, 'sys/fs/selinux/context'));
}

/** Of programs that run before a policy is loaded the kernel says `kernel`. */
async function hasPolicy(root: string): Promise<boolean> {
  if ((await readText(join(root, 'sys/fs/selinux/enforce'))) === '') return false;
  const own = (await readText(join(root, 'proc/self/attr/current'))).replace(/\0$/, '');
  return own !== '' && own !== 'kernel';
}

/** The distribution's file for containers, else the loaded policy's own. */
async function readContexts(root: string): Promise<ContainerContexts | undefined> {
  const config = await readText(join(root, 'etc/selinux/config'));
  const [, policy = 'targeted'] = /^\s*SELINUXTYPE\s*=\s*(\w+)\s*$/m.exec(config) ?? [];
  const files = ['usr/share/containers/selinux/contexts', `etc/selinux/${policy}/contexts/lxc_contexts`];
  for (const file of files) {
    const contexts = parseContexts(await readText(join(root, file)));
    if (contexts !== undefined) return contexts;
  }
  return undefined;
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    if (isENOENT(cause) || errnoCode(cause) === 'EINVAL') return '';
    throw cause;
  });
}

const none: Labels = { process: '', mount: '' };

class NoSELinux implements SELinux {
  podLabels(): Promise<Labels> {
    return Promise.resolve(none);
  }

  settle(): void {}

  containerLabels(): Promise<Labels> {
    return Promise.resolve(none);
  }

  relabel(): Promise<void> {
    return Promise.resolve();
  }

  share(): Promise<void> {
    return Promise.resolve();
  }
}

class KernelSELinux implements SELinux {
  readonly #contexts: ContainerContexts;
  readonly #checkFile: string;
  readonly #levels = new PodLevels();

  constructor(contexts: ContainerContexts, checkFile: string) {
    this.#contexts = contexts;
    this.#checkFile = checkFile;
  }

  async podLabels(
    podId: string,
    options: SELinuxOptions | undefined,
    known: readonly Labels[],
  ): Promise<Labels> {
    const used = known.filter(({ mount }) => mount !== '').map(({ mount }) => levelOf(mount));
    const level = options?.level || this.#levels.take(podId, used);
    try {
      return await this.#checked(withOptions(labelsAt(this.#contexts, level), options));
    } catch (cause) {
      this.#levels.settle(podId);
      throw cause;
    }
  }

  settle(podId: string): void {
    this.#levels.settle(podId);
  }

  async containerLabels(pod: Labels, options: SELinuxOptions | undefined): Promise<Labels> {
    // A pod without labels, of a time when SELinux was off: its files have none either.
    return pod.mount === '' ? none : this.#checked(withOptions(pod, options));
  }

  async relabel(request: RelabelRequest): Promise<void> {
    if (request.label !== '') await relabel(request);
  }

  async share(path: string): Promise<void> {
    await relabel({ path, label: this.#contexts.readOnlyFile });
  }

  /** The kernel knows what its policy has. */
  async #checked(labels: Labels): Promise<Labels> {
    for (const label of [labels.process, labels.mount]) {
      try {
        await writeFile(this.#checkFile, `${label}\0`, { flag: 'r+' });
      } catch (cause) {
        if (errnoCode(cause) !== 'EINVAL') throw cause;
        throw new DaemonError('invalid-argument', `the SELinux policy of this node has no label "${label}"`);
      }
    }
    return labels;
  }
}
