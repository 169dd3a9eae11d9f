// The two kinds of StreamSession: a client of a container's monitor, and the one client of a command's.

import { DaemonError } from '../errors/daemon-error.ts';
import { clearLostExec, type ExecParts, exitOfCommand, startExec } from './exec-process.ts';
import { parseExit } from './exit-record.ts';
import { SocketSession } from './socket-session.ts';
import type { AttachRequest, ExecRequest, StreamSession } from './stream-session.ts';

/** See ContainerMonitors.attach; `path` is the socket of the container's monitor. */
export async function openAttach(
  path: string,
  request: AttachRequest,
  signal: AbortSignal,
): Promise<StreamSession> {
  signal.throwIfAborted();
  const { containerId, stdin, stdout, stderr, mode } = request;
  const what = `the attachment to container "${containerId}"`;
  const parts = {
    ...{ stdin, stdout, stderr, what },
    exitOf: (message: Readonly<Record<string, unknown>>) => {
      const exit = parseExit(message);
      if (exit === undefined) throw new DaemonError('internal', `${what} ended without an exit code`);
      return exit;
    },
  };
  return SocketSession.open(
    path,
    parts,
    (connection) => connection.request('attach', { stdin, stdout, stderr, mode }),
    signal,
  );
}

/** See ContainerMonitors.exec. */
export async function openExec(
  parts: ExecParts,
  request: ExecRequest,
  signal: AbortSignal,
): Promise<StreamSession> {
  signal.throwIfAborted();
  const { containerId, stdin, terminal, terminalSize: size } = request;
  // The command runs at once: only the runtime can give the terminal its size before, as runc does; crun 1.8 does not, and
  // its command is told by SIGWINCH a moment later.
  const consoleSize = size === undefined ? {} : { consoleSize: { height: size.rows, width: size.columns } };
  const command = { ...request, process: { ...request.process, ...consoleSize } };
  const path = await startExec(parts, command, { interactive: true, stdin, terminal, ...size });
  const session = {
    ...{ stdin, stdout: true, stderr: !terminal },
    what: `the exec in container "${containerId}"`,
    exitOf: (message: Readonly<Record<string, unknown>>) => exitOfCommand(message, request),
  };
  const clear = (cause: unknown) => clearLostExec(path, cause);
  const opened = await SocketSession.open(path, session, async () => {}, signal).catch(clear);
  opened.exit.catch(clear).catch(() => {}); // who waits for the exit is told
  return opened;
}
