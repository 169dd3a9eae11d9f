// The one timer of a certain length, which goes off when the test says so and not before.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

export interface ManualTimer {
  /** How often it was set back to its start. */
  readonly refreshes: number;
  /** It was set, and runs. */
  readonly isSet: boolean;
  goOff(): void;
}

/** Takes the timers that are set with `delayMs` from now on, of which the last counts; all others are real. */
export function manualTimer(t: TestContext, delayMs: number): ManualTimer {
  const real = { set: globalThis.setTimeout, clear: globalThis.clearTimeout };
  const timer = { refreshes: 0, isSet: false, goOff: (): void => assert.fail('the timer was never set') };
  const handle = {
    refresh: () => timer.refreshes++,
    unref: () => handle,
  } as unknown as NodeJS.Timeout;
  t.mock.method(globalThis, 'setTimeout', set);
  function set(callback: (...given: unknown[]) => void, ms?: number, ...rest: unknown[]): NodeJS.Timeout {
    if (ms !== delayMs) return real.set(callback, ms, ...rest);
    Object.assign(timer, { goOff: callback, isSet: true });
    return handle;
  }
  t.mock.method(globalThis, 'clearTimeout', (cleared: NodeJS.Timeout | undefined) => {
    if (cleared === handle) timer.isSet = false;
    else real.clear(cleared);
  });
  return timer;
}
