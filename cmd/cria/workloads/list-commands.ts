// `cria ps`, `cria pods` and `cria sessions`.

import type { CriClient } from '../../../internal/cri-client/cri-client.ts';
import { hasKind } from '../../../internal/errors/daemon-error.ts';
import { formatJson } from '../cli/table.ts';
import type { WorkloadCommand } from '../cli/workload-arguments.ts';
import { formatContainers, formatPods, formatSessions } from '../cli/workload-output.ts';
import { findPod } from './find-workload.ts';
import type { Work } from './run-command.ts';
import { listContainers, listPods, listSessions } from './workload.ts';

type CommandOf<Action extends WorkloadCommand['action']> = Extract<
  WorkloadCommand,
  { readonly action: Action }
>;

export async function psCommand(work: Work, command: CommandOf<'ps'>): Promise<number> {
  const { client, terminal, signal } = work;
  const { all, namespace, quiet, json } = command;
  const podId =
    command.pod === undefined ? undefined : findPod(await listPods(client, signal), command.pod).id;
  const containers = (await listContainers(client, signal)).filter(
    (container) =>
      (all || container.state === 'running') &&
      (podId === undefined || container.podId === podId) &&
      (namespace === undefined || container.podNamespace === namespace),
  );
  if (json) terminal.out(formatJson(quiet ? containers.map(({ id }) => id) : containers));
  else terminal.out(quiet ? idLines(containers) : formatContainers(containers, new Date()));
  return 0;
}

export async function podsCommand(work: Work, command: CommandOf<'pods'>): Promise<number> {
  const { client, terminal, signal } = work;
  const { namespace, quiet, json } = command;
  const pods = (await listPods(client, signal)).filter(
    (pod) => namespace === undefined || pod.namespace === namespace,
  );
  if (quiet) {
    terminal.out(json ? formatJson(pods.map(({ id }) => id)) : idLines(pods));
    return 0;
  }
  const ready = pods.filter(({ state }) => state === 'ready');
  const addresses = new Map(
    await Promise.all(ready.map(async ({ id }) => [id, await addressesOf(client, id, signal)] as const)),
  );
  const withAddresses = pods.map((pod) => ({ ...pod, ips: addresses.get(pod.id) ?? [] }));
  terminal.out(json ? formatJson(withAddresses) : formatPods(pods, addresses, new Date()));
  return 0;
}

export async function sessionsCommand(
  { client, terminal, signal }: Work,
  { json }: CommandOf<'sessions'>,
): Promise<number> {
  const sessions = await listSessions(client, signal);
  terminal.out(json ? formatJson(sessions) : formatSessions(sessions));
  return 0;
}

/** Primary first; none on the host's network, nor of a pod that was removed meanwhile. */
async function addressesOf(client: CriClient, podSandboxId: string, signal: AbortSignal): Promise<string[]> {
  try {
    const { status } = await client.call('PodSandboxStatus', { podSandboxId }, signal);
    const { ip = '', additionalIps = [] } = status?.network ?? {};
    return [ip, ...additionalIps.map((more) => more.ip)].filter((address) => address !== '');
  } catch (cause) {
    if (hasKind(cause, 'not-found')) return [];
    throw cause;
  }
}

function idLines(items: readonly { readonly id: string }[]): string {
  return items.map(({ id }) => `${id}\n`).join('');
}
