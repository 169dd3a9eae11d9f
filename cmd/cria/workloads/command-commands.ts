// `cria exec` and `cria attach`.

import { isatty } from 'node:tty';
import type { Config } from '../../../internal/config/options.ts';
import { RemoteCommand } from '../../../internal/cri-client/remote-command.ts';
import type { StreamTrust } from '../../../internal/cri-client/stream-socket.ts';
import { DaemonError } from '../../../internal/errors/daemon-error.ts';
import type { WorkloadCommand } from '../cli/workload-arguments.ts';
import { findContainer } from './find-workload.ts';
import type { Work } from './run-command.ts';
import { runSession } from './terminal-session.ts';
import { listContainers } from './workload.ts';

type CommandOf<Action extends WorkloadCommand['action']> = Extract<
  WorkloadCommand,
  { readonly action: Action }
>;

/** Resolves with the exit code of the command. */
export async function execCommand(work: Work, command: CommandOf<'exec'>): Promise<number> {
  const { client, signal } = work;
  const { stdin, terminal } = command;
  requireTerminal(command);
  const { id } = findContainer(await listContainers(client, signal), command.container);
  const streams = { stdin, tty: terminal, stdout: true, stderr: !terminal };
  const { url } = await client.call(
    'Exec',
    { containerId: id, cmd: [...command.command], ...streams },
    signal,
  );
  const remote = await RemoteCommand.open(url, streamTrust(work.config), signal);
  const end = await runSession(remote, { stdin, terminal, detachKeys: Buffer.alloc(0) }, signal);
  return end.kind === 'exited' ? end.code : 0;
}

/** Resolves when the container has ended, or the person has left it. */
export async function attachCommand(work: Work, command: CommandOf<'attach'>): Promise<number> {
  const { client, signal, terminal: out } = work;
  const { stdin, terminal, detachKeys } = command;
  requireTerminal(command);
  const { id } = findContainer(await listContainers(client, signal), command.container);
  const streams = { stdin, tty: terminal, stdout: true, stderr: !terminal };
  const { url } = await client.call('Attach', { containerId: id, ...streams }, signal);
  const remote = await RemoteCommand.open(url, streamTrust(work.config), signal);
  const end = await runSession(remote, { stdin, terminal, detachKeys }, signal);
  if (end.kind === 'detached') out.err('cria: detached, the container goes on\n');
  return end.kind === 'exited' ? end.code : 0;
}

/** The server's own certificate is the one that is trusted. */
export function streamTrust({ api }: Config): StreamTrust {
  return { certFile: api.stream_tls_cert, keyFile: api.stream_tls_key };
}

function requireTerminal({ stdin, terminal }: { stdin: boolean; terminal: boolean }): void {
  if (!stdin || !terminal || isatty(0)) return;
  throw new DaemonError('failed-precondition', 'standard input is no terminal: leave --tty out');
}
