// A client of a container as a streaming server has it: a session of the daemon with the monitor, and what it has shown.

import type { AttachRequest, StreamSession } from '../../internal/monitor/stream-session.ts';
import type { World } from './monitor-fixture.ts';

const never = new AbortController().signal;

export interface Watched {
  readonly session: StreamSession;
  /** What has come on stdout so far. */
  seen: string;
}

export async function attach(
  world: World,
  containerId: string,
  extra: Partial<AttachRequest> = {},
): Promise<Watched> {
  const request = {
    containerId,
    stdin: true,
    stdout: true,
    stderr: true,
    mode: 'lossless',
    ...extra,
  } as const;
  const watched: Watched = { session: await world.monitors.attach(request, never), seen: '' };
  watched.session.stdout?.on('data', (chunk: Buffer) => {
    watched.seen += chunk.toString();
  });
  watched.session.stderr?.resume();
  return watched;
}
