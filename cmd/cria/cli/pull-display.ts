// Shows a pull while it runs: bars that are drawn over on a screen, lines elsewhere.

import type { PullEvent, PullListener } from '../../../internal/image/pull-progress.ts';
import { formatBytes } from './image-output.ts';
import { PullState, pullLines } from './pull-bars.ts';
import type { Terminal } from './terminal.ts';

const redrawMs = 100;

/** Bars when standard error is a screen, else lines. */
export function pullDisplay(terminal: Terminal): PullListener {
  return terminal.screen() === undefined ? lineDisplay(terminal) : barDisplay(terminal);
}

function barDisplay(terminal: Terminal): PullListener {
  const state = new PullState();
  let drawnLines = 0;
  let drawnAtMs = 0;
  const draw = (): void => {
    const screen = terminal.screen();
    if (screen === undefined) return; // the terminal was closed meanwhile
    const lines = pullLines(state, screen);
    // Up to the first line of the last picture, and away with all below.
    const home = drawnLines === 0 ? '' : `\x1b[${drawnLines}A`;
    terminal.err(`${home}\x1b[J${lines.map((line) => `${line}\n`).join('')}`);
    drawnLines = lines.length;
    drawnAtMs = performance.now();
  };
  return (event) => {
    state.take(event);
    if (event.kind !== 'received' || performance.now() - drawnAtMs >= redrawMs) draw();
  };
}

function lineDisplay(terminal: Terminal): PullListener {
  const state = new PullState();
  const startedAtMs = performance.now();
  return (event) => {
    state.take(event);
    const line = lineOf(event, state, startedAtMs);
    if (line !== undefined) terminal.err(`${line}\n`);
  };
}

function lineOf(event: PullEvent, state: PullState, startedAtMs: number): string | undefined {
  const { layers, missingLayers, missingBytes, image } = state;
  switch (event.kind) {
    case 'layers':
      return `${image}: ${missingLayers} of ${layers.length} layers to fetch, ${formatBytes(missingBytes)}`;
    case 'unpacked': {
      const layer = layers[event.layer];
      return `${image}: ${layer?.digest.slice(0, 19)} done, ${formatBytes(layer?.sizeBytes ?? 0)}`;
    }
    case 'done':
      return `${image}: pulled in ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`;
    default:
      return undefined;
  }
}
