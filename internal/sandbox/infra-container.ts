// The infra container: a pause process that holds the pid namespace of a pod whose containers share one.

import { writeFile } from 'node:fs/promises';
import { handlerOf } from '../container/handler-of.ts';
import { podFeatures } from '../container/pod-features.ts';
import { containerLabels } from '../container/selinux-labels.ts';
import { infraSpec } from '../container/spec/infra-spec.ts';
import { serializeSpec } from '../container/spec/serialize-spec.ts';
import { ownerByMappings } from '../container/spec/user-namespace.ts';
import { ensureDirectory } from '../fs/directories.ts';
import type { CreatedContainer } from '../monitor/monitor.ts';
import type { PinnedNamespaces } from '../namespaces/namespace-pinner.ts';
import type { RuntimeSpec } from '../oci/runtime-spec.ts';
import type { SandboxRecord } from './sandbox.ts';
import { hasOwnKernel, sandboxFacts } from './sandbox-facts.ts';
import { sandboxPaths } from './sandbox-files.ts';
import type { SandboxParts } from './sandbox-parts.ts';

/** As containerd has it: the pod's infra process is the last that the kernel should kill for memory. */
const infraOomScoreAdj = -998;

/** Whether the pod needs a process of its own. */
export function needsInfra(parts: SandboxParts, record: SandboxRecord): boolean {
  return record.config.namespaces.pid === 'pod' || hasOwnKernel(record) || !parts.defaults.dropInfraContainer;
}

/** Starts the infra container under a monitor; it has the sandbox's id. */
export async function runInfra(
  parts: SandboxParts,
  record: SandboxRecord,
  namespaces: PinnedNamespaces,
): Promise<CreatedContainer> {
  const { monitors, monitorPlaces, defaults } = parts.containers;
  const { bundle } = sandboxPaths(parts.directories, record.id);
  const handler = handlerOf(parts.containers, record);
  const spec = await specOfInfra(parts, record, namespaces);
  await ensureDirectory(bundle);
  await writeFile(`${bundle}/config.json`, serializeSpec(spec), { mode: 0o600 });
  const place = await monitorPlaces.make(handler.monitorCgroup, record.cgroupParent, record.id);
  const created = await monitors.create({
    containerId: record.id,
    name: record.name,
    bundle,
    runtimePath: handler.runtime.path,
    runtimeArgs: handler.runtime.globalArgs,
    createArgs: defaults.noPivot ? ['--no-pivot'] : [],
    env: handler.runtime.env,
    logPath: undefined,
    logSizeMaxBytes: undefined,
    terminal: false,
    terminalSize: undefined,
    stdin: false,
    stdinOnce: false,
    ...ownerByMappings(spec),
    createTimeoutMs: handler.createTimeoutMs,
    ...place,
  });
  await handler.runtime.start(record.id);
  return created;
}

async function specOfInfra(
  parts: SandboxParts,
  record: SandboxRecord,
  namespaces: PinnedNamespaces,
): Promise<RuntimeSpec> {
  const { cgroups, host, defaults, defaultSeccomp } = parts.containers;
  const handler = handlerOf(parts.containers, record);
  const facts = sandboxFacts(parts, record, { namespaces, infra: undefined });
  const { privileged, namespaces: modes, annotations } = record.config;
  const { allowedAnnotations, defaultAnnotations } = handler;
  const { allowed } = podFeatures(annotations, { allowedAnnotations, workloads: defaults.workloads });
  const asContainer = { privileged, pidMode: modes.pid, ipcMode: modes.ipc, selinux: undefined };
  const labels = await containerLabels(parts.containers, facts, asContainer);
  return infraSpec({
    sandbox: { ...facts, labels },
    host: { ...host, recursiveReadOnlyMounts: handler.features.recursiveReadOnlyMounts },
    defaults: {
      ...defaults.spec,
      seccompProfile: handler.seccompProfile ?? defaultSeccomp.profile,
      allowedAnnotations: allowed,
      annotations: defaultAnnotations,
    },
    rootfsPath: parts.defaults.pauseRootfs,
    pausePath: '/pause',
    cgroupsPath: cgroups.cgroupsPath(record.cgroupParent, record.id),
    resources: { oomScoreAdj: infraOomScoreAdj, cpusetCpus: parts.defaults.infraCpuset },
    podAmounts: record.config,
  });
}

/** Kills the infra container and deletes everything about it. None is success. */
export async function removeInfra(parts: SandboxParts, record: SandboxRecord): Promise<void> {
  const { monitors, cgroups, monitorPlaces } = parts.containers;
  // In this order: a runtime that has to kill the process itself waits 100 ms for its end.
  await monitors.remove(record.id);
  const { runtime } = handlerOf(parts.containers, record);
  await (hasOwnKernel(record) ? runtime.deleteKernel(record.id) : runtime.delete(record.id));
  await cgroups.removeLeftover(record.cgroupParent, record.id);
  await monitorPlaces.remove(record.cgroupParent, record.id);
}
