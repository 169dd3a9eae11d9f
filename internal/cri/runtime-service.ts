// The RPCs of runtime.v1.RuntimeService.

import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { attach } from './attach.ts';
import { containerStats } from './container-stats.ts';
import { containerStatus } from './container-status.ts';
import { createContainer } from './create-container.ts';
import type { CriParts } from './cri-parts.ts';
import { exec } from './exec.ts';
import { execSync } from './exec-sync.ts';
import { listContainerStats } from './list-container-stats.ts';
import { listContainers } from './list-containers.ts';
import { listPodSandbox } from './list-pod-sandbox.ts';
import { listPodSandboxStats } from './list-pod-sandbox-stats.ts';
import { podSandboxStats } from './pod-sandbox-stats.ts';
import { podSandboxStatus } from './pod-sandbox-status.ts';
import { portForward } from './port-forward.ts';
import { removeContainer } from './remove-container.ts';
import { removePodSandbox } from './remove-pod-sandbox.ts';
import { reopenContainerLog } from './reopen-container-log.ts';
import { runPodSandbox } from './run-pod-sandbox.ts';
import type { RunningCalls } from './running-calls.ts';
import { runtimeConfig } from './runtime-config.ts';
import { runtimeStatus } from './runtime-status.ts';
import { startContainer } from './start-container.ts';
import { stopContainer } from './stop-container.ts';
import { stopPodSandbox } from './stop-pod-sandbox.ts';
import { bindStreamedList } from './stream-list.ts';
import { bindUnary } from './unary.ts';
import { unimplemented } from './unimplemented.ts';
import { updateContainerResources } from './update-container-resources.ts';
import { updatePodSandboxResources } from './update-pod-sandbox-resources.ts';
import { updateRuntimeConfig } from './update-runtime-config.ts';
import { version } from './version.ts';

const notDone = [
  'StreamContainerStats',
  'StreamPodSandboxStats',
  'CheckpointContainer',
  'GetContainerEvents',
  'ListMetricDescriptors',
  'ListPodSandboxMetrics',
  'StreamPodSandboxMetrics',
];

/** The method table; an RPC that is not done yet says so. */
export function runtimeService(parts: CriParts, running: RunningCalls): UntypedServiceImplementation {
  const rpc = bindUnary(parts, running);
  return {
    Version: rpc('Version', version),
    Status: rpc('Status', runtimeStatus),
    RuntimeConfig: rpc('RuntimeConfig', runtimeConfig),
    UpdateRuntimeConfig: rpc('UpdateRuntimeConfig', updateRuntimeConfig),
    RunPodSandbox: rpc('RunPodSandbox', runPodSandbox),
    StopPodSandbox: rpc('StopPodSandbox', stopPodSandbox),
    RemovePodSandbox: rpc('RemovePodSandbox', removePodSandbox),
    PodSandboxStatus: rpc('PodSandboxStatus', podSandboxStatus),
    ListPodSandbox: rpc('ListPodSandbox', listPodSandbox),
    CreateContainer: rpc('CreateContainer', createContainer),
    StartContainer: rpc('StartContainer', startContainer),
    StopContainer: rpc('StopContainer', stopContainer),
    RemoveContainer: rpc('RemoveContainer', removeContainer),
    ListContainers: rpc('ListContainers', listContainers),
    ContainerStatus: rpc('ContainerStatus', containerStatus),
    ContainerStats: rpc('ContainerStats', containerStats),
    ListContainerStats: rpc('ListContainerStats', listContainerStats),
    PodSandboxStats: rpc('PodSandboxStats', podSandboxStats),
    ListPodSandboxStats: rpc('ListPodSandboxStats', listPodSandboxStats),
    UpdateContainerResources: rpc('UpdateContainerResources', updateContainerResources),
    UpdatePodSandboxResources: rpc('UpdatePodSandboxResources', updatePodSandboxResources),
    ReopenContainerLog: rpc('ReopenContainerLog', reopenContainerLog),
    ExecSync: rpc('ExecSync', execSync),
    Exec: rpc('Exec', exec),
    Attach: rpc('Attach', attach),
    PortForward: rpc('PortForward', portForward),
    ...streamedLists(parts),
    ...unimplemented(notDone),
  };
}

/** The lists that are answered in pieces, which a message of gRPC may be too small for. */
function streamedLists(parts: CriParts): UntypedServiceImplementation {
  const streamed = bindStreamedList(parts);
  return {
    StreamPodSandboxes: streamed('StreamPodSandboxes', {
      list: listPodSandbox,
      items: ({ items }) => items,
      message: (podSandboxes) => ({ podSandboxes }),
    }),
    StreamContainers: streamed('StreamContainers', {
      list: listContainers,
      items: ({ containers }) => containers,
      message: (containers) => ({ containers }),
    }),
  };
}
