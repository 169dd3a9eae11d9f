// Who pulls: cria and containerd by their CRI, skopeo by its command line; each into a store of its own.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { attempt, command } from '../harness/command.ts';
import type { CriClient } from '../harness/cri-client.ts';
import { TestDaemon } from '../harness/daemon.ts';
import type { TestRegistry } from '../harness/registry.ts';
import { Containerd } from './containerd.ts';
import type { CpuCgroup } from './cpu-cgroup.ts';

export interface Peer {
  readonly name: string;
  pull(reference: string): Promise<unknown>;
  /** Nothing of the images is left when it resolves. */
  removeAll(references: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

const collectLimitMs = 30_000;

function pullBy(client: CriClient, reference: string): Promise<unknown> {
  return client.image('PullImage', { image: { image: reference } }, 300_000);
}

async function removeBy(client: CriClient, references: readonly string[]): Promise<void> {
  for (const image of references) await client.image('RemoveImage', { image: { image } });
}

/** `directory` becomes its image store. */
export async function startCria(registry: TestRegistry, directory: string, cgroup: CpuCgroup): Promise<Peer> {
  const daemon = new TestDaemon({ registries: registry.registriesConf });
  const { storageRoot } = daemon.paths;
  for (const path of [directory, storageRoot]) mkdirSync(path);
  await command(['mount', '--bind', directory, storageRoot]); // destroy() unmounts it
  await daemon.start();
  cgroup.add(daemon.pid);
  return {
    name: 'cria',
    pull: (reference) => pullBy(daemon.client, reference),
    removeAll: (references) => removeBy(daemon.client, references),
    close: () => daemon.destroy(),
  };
}

/** Plain HTTP to loopback is its default. */
export async function startContainerd(directory: string, cgroup: CpuCgroup): Promise<Peer> {
  mkdirSync(directory);
  const containerd = await Containerd.start({ directory, cgroup });
  const { client } = containerd;
  return {
    name: 'containerd',
    pull: (reference) => pullBy(client, reference),
    async removeAll(references) {
      await removeBy(client, references);
      // Its garbage collection comes later; a blob that it still has would not be fetched again.
      const limit = Date.now() + collectLimitMs;
      while ((await containerd.ctr('content', 'list', '--quiet')).trim() !== '') {
        if (Date.now() > limit) throw new Error('containerd does not collect the content of removed images');
        await sleep(50);
      }
    },
    async close() {
      await containerd.close();
      await attempt(['umount', '-l', `${directory}/root`]); // not mounted, as a rule
    },
  };
}

/** skopeo enters the cgroup by itself: it ends with the copy. */
export function skopeoPeer(directory: string, cgroup: CpuCgroup): Peer {
  mkdirSync(directory);
  const policy = join(directory, 'policy.json');
  writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
  const store = (reference: string): string =>
    `containers-storage:[overlay@${directory}/graph+${directory}/run]${reference}`;
  const script = 'echo $$ > "$0" && exec skopeo "$@"';
  return {
    name: 'skopeo',
    pull(reference) {
      const copy = ['copy', '--quiet', '--src-tls-verify=false', `docker://${reference}`, store(reference)];
      return command(['/bin/sh', '-c', script, cgroup.procs, '--policy', policy, ...copy], {
        timeoutMs: 300_000,
      });
    },
    async removeAll(references) {
      for (const reference of references) await command(['skopeo', 'delete', store(reference)]);
    },
    async close() {
      await attempt(['umount', '-l', `${directory}/graph/overlay`]); // it leaves its driver's home mounted on itself
    },
  };
}
