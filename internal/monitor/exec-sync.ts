// ExecSync: a command whose output is collected, by the `exec` role of the native monitor.

import { setMaxListeners } from 'node:events';
import type { Socket } from 'node:net';
import { DaemonError } from '../errors/daemon-error.ts';
import { connectSocket } from './control-connection.ts';
import { clearLostExec, type ExecParts, exitOfCommand, startExec } from './exec-process.ts';
import { decodeControl, FrameReader, frameType } from './frames.ts';
import type { ExecSyncRequest, ExecSyncResult } from './monitor.ts';

/** See ContainerMonitors.execSync. The command dies with the connection, so nothing of it is left when this settles. */
export async function execSync(
  parts: ExecParts,
  request: ExecSyncRequest,
  signal: AbortSignal,
): Promise<ExecSyncResult> {
  signal.throwIfAborted();
  const socket = await startExec(parts, request, {
    maxOutputBytes: request.maxOutputBytes,
    ...(request.cgroupDirs !== undefined && { cgroupDirs: request.cgroupDirs }),
  });
  return collect(socket, request, signal).catch((cause: unknown) => clearLostExec(socket, cause));
}

async function connect(path: string, containerId: string): Promise<Socket> {
  try {
    return await connectSocket(path);
  } catch (cause) {
    throw new DaemonError('unavailable', `lost the exec in container "${containerId}"`, cause);
  }
}

async function collect(path: string, request: ExecSyncRequest, signal: AbortSignal): Promise<ExecSyncResult> {
  const socket = await connect(path, request.containerId);
  const abort = (): void => void socket.destroy();
  setMaxListeners(0, signal); // one for each exec that runs under it: no leak
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  const output: Output = { stdout: [], stderr: [] };
  let end: Record<string, unknown> | undefined;
  try {
    end = await lastMessage(socket, output);
  } catch (cause) {
    socket.destroy();
    signal.throwIfAborted();
    throw new DaemonError('unavailable', `lost the exec in container "${request.containerId}"`, cause);
  } finally {
    // When the answer is on its way: nothing of the command is left by now.
    setImmediate(() => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
    });
  }
  signal.throwIfAborted();
  const { code } = exitOfCommand(end, request);
  const refused = end?.['cgroupRefused'];
  return {
    stdout: Buffer.concat(output.stdout),
    stderr: Buffer.concat(output.stderr),
    exitCode: code,
    cgroupRefused: typeof refused === 'string' ? refused : undefined,
  };
}

interface Output {
  readonly stdout: Buffer[];
  readonly stderr: Buffer[];
}

/** Undefined when the connection ends without one. All output comes before it. By events: an iterator costs a probe 0.2 ms. */
async function lastMessage(socket: Socket, output: Output): Promise<Record<string, unknown> | undefined> {
  const reader = new FrameReader();
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => resolve(undefined));
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) {
          if (frame.type === frameType.stdout) output.stdout.push(frame.payload);
          else if (frame.type === frameType.stderr) output.stderr.push(frame.payload);
          else if (frame.type === frameType.control) resolve(decodeControl(frame));
        }
      } catch (cause) {
        reject(cause);
      }
    });
  });
}
