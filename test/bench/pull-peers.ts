// Who pulls: cria and containerd by their CRI, skopeo by its command line; each into a store of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { attempt, command } from '../harness/command.ts';
import { type CriClient, connect } from '../harness/cri-client.ts';
import { TestDaemon } from '../harness/daemon.ts';
import type { TestRegistry } from '../harness/registry.ts';
import type { CpuCgroup } from './cpu-cgroup.ts';

export interface Peer {
  readonly name: string;
  pull(reference: string): Promise<unknown>;
  /** Nothing of the images is left when it resolves. */
  removeAll(references: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

const startLimitMs = 20_000;
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

/** A containerd of its own: plain HTTP to loopback is its default. */
export async function startContainerd(directory: string, cgroup: CpuCgroup): Promise<Peer> {
  mkdirSync(directory);
  const socket = join(directory, 'c.sock');
  const config = `version = 2
root = "${directory}/root"
state = "${directory}/state"
[grpc]
address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
`;
  writeFileSync(join(directory, 'config.toml'), config);
  const child = spawn('containerd', ['--config', join(directory, 'config.toml')], { stdio: 'ignore' });
  cgroup.add(child.pid ?? 0);
  const client = connect(socket);
  const deadline = Date.now() + startLimitMs;
  const answers = (): Promise<boolean> =>
    client.image('ListImages', {}, 1_000).then(
      () => true,
      () => false,
    );
  while (!(await answers())) {
    if (child.exitCode !== null || Date.now() > deadline) {
      client.close();
      await endOf(child);
      throw new Error('containerd does not answer: run it by hand with this configuration to see why');
    }
    await sleep(50);
  }
  const ctr = ['ctr', '--address', socket, '--namespace', 'k8s.io', 'content', 'list', '--quiet'];
  return {
    name: 'containerd',
    pull: (reference) => pullBy(client, reference),
    async removeAll(references) {
      await removeBy(client, references);
      // Its garbage collection comes later; a blob that it still has would not be fetched again.
      const limit = Date.now() + collectLimitMs;
      while ((await command(ctr)).trim() !== '') {
        if (Date.now() > limit) throw new Error('containerd does not collect the content of removed images');
        await sleep(50);
      }
    },
    async close() {
      client.close();
      await endOf(child);
      await attempt(['umount', '-l', `${directory}/root`]); // not mounted, as a rule
    },
  };
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
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
