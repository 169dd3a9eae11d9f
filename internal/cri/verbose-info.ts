// What a verbose status says beyond the status, under CRI-O's keys: tools of a node take `info.pid` to enter a container
// and `info.runtimeSpec` to find its namespaces. Read from the disk, since only people and such tools ask.

import { join } from 'node:path';
import type { Container } from '../container/container.ts';
import { containerPaths } from '../container/container-files.ts';
import { readTextIfThere } from '../fs/read-text.ts';
import type { PinnedNamespaces } from '../namespaces/namespace-pinner.ts';
import { podResources } from '../sandbox/pod-resources.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { sandboxPaths } from '../sandbox/sandbox-files.ts';
import { resourcesToMessage } from './convert/resources.ts';
import type { CriParts } from './cri-parts.ts';

/** JSON text. The pid of a container that has ended is 0: the kernel may have given it to another process. */
export async function containerInfo(parts: CriParts, { metadata, status }: Container): Promise<string> {
  return JSON.stringify({
    sandboxID: metadata.sandboxId,
    pid: status.state === 'exited' ? 0 : status.pid,
    privileged: metadata.config.security.privileged,
    runtimeHandler: metadata.runtimeHandler,
    monitorPid: status.monitorPid,
    runtimeSpec: await specIn(containerPaths(parts.containers.directories, metadata.id).bundle),
  });
}

/** JSON text. A pod without a pause process has the part of a spec that holds for it. */
export async function sandboxInfo(parts: CriParts, sandbox: Sandbox): Promise<string> {
  const { record, status } = sandbox;
  const { overhead, resources } = podResources(sandbox);
  const infraSpec = await specIn(sandboxPaths(parts.sandboxes.directories, sandbox.id).bundle);
  return JSON.stringify({
    pid: status.infra?.pid ?? 0,
    namespaces: status.namespaces,
    cgroupParent: record.cgroupParent,
    hostname: record.hostname,
    overhead: overhead && resourcesToMessage(overhead),
    resources: resources && resourcesToMessage(resources),
    runtimeSpec: infraSpec ?? { hostname: record.hostname, linux: { namespaces: pinned(status.namespaces) } },
  });
}

function pinned(namespaces: PinnedNamespaces): { type: string; path: string }[] {
  return Object.entries(namespaces).flatMap(([type, path]: [string, string | undefined]) =>
    path === undefined ? [] : [{ type, path }],
  );
}

/** The config.json of a bundle; undefined when there is none, as after a reboot. */
async function specIn(bundle: string): Promise<unknown> {
  const text = await readTextIfThere(join(bundle, 'config.json'));
  return text === undefined ? undefined : JSON.parse(text);
}
