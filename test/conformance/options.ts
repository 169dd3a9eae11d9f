// The command line of the conformance run.

import { parseArgs } from 'node:util';

export interface ConformanceOptions {
  readonly runtime: string;
  readonly processes: number;
  /** The streaming specs alone, by WebSocket. */
  readonly isWebSocket: boolean;
  readonly seed: number;
  readonly focus: string;
}

export const usage = `usage: npm run test:conformance [-- OPTIONS]
  --runtime NAME    the OCI runtime, runc or crun (default runc)
  --parallel N      that many specs at once (default 1)
  --websocket       only the specs of exec, attach and port-forward, by WebSocket instead of SPDY
  --focus PATTERN   only the specs that the regular expression matches
  --seed N          the order of the specs, as an earlier run printed it`;

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new Error(`--${name} is not a positive number: ${text}`);
  return value;
}

/** Throws with what is wrong; a seed that is not given is of this moment. */
export function parseOptions(args: readonly string[]): ConformanceOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runtime: { type: 'string', default: 'runc' },
      parallel: { type: 'string', default: '1' },
      websocket: { type: 'boolean', default: false },
      focus: { type: 'string', default: '' },
      seed: { type: 'string' },
    },
  });
  return {
    runtime: values.runtime,
    processes: positive('parallel', values.parallel),
    isWebSocket: values.websocket,
    focus: values.focus,
    seed: values.seed === undefined ? Math.floor(Date.now() / 1000) : positive('seed', values.seed),
  };
}
