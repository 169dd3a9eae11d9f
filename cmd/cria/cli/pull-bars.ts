// The state of a pull as lines of a screen: one for each layer, and one for all. Pure.

import type { PullEvent, PullLayer } from '../../../internal/image/pull-progress.ts';
import { formatBytes } from './image-output.ts';
import type { Screen } from './terminal.ts';

const shortDigestAt = 'sha256:'.length;
const shortDigestLength = 12;
const barWidth = 30;

/** What the events said so far. */
export class PullState {
  image = '';
  layers: readonly PullLayer[] = [];
  readonly received = new Map<number, number>();
  readonly unpacked = new Set<number>();

  take(event: PullEvent): void {
    if (event.kind === 'started') {
      this.image = event.image;
      this.layers = [];
      this.received.clear();
      this.unpacked.clear();
    } else if (event.kind === 'layers') this.layers = event.layers;
    else if (event.kind === 'received') this.received.set(event.layer, event.receivedBytes);
    else if (event.kind === 'unpacked') this.unpacked.add(event.layer);
  }

  get missingLayers(): number {
    return this.layers.filter(({ isPresent }) => !isPresent).length;
  }

  get missingBytes(): number {
    return this.layers.reduce((sum, { isPresent, sizeBytes }) => sum + (isPresent ? 0 : sizeBytes), 0);
  }

  /** Bytes that have come; a layer that another pull fetched counts when it is there. */
  get receivedBytes(): number {
    return this.layers.reduce((sum, { isPresent, sizeBytes }, index) => {
      if (isPresent) return sum;
      return sum + (this.unpacked.has(index) ? sizeBytes : (this.received.get(index) ?? 0));
    }, 0);
  }
}

/** At most as many lines as fit; layers that are done make room for those that are not. */
export function pullLines(state: PullState, screen: Screen): string[] {
  const room = Math.max(1, screen.rows - 3);
  const indexes = [...state.layers.keys()];
  const isDone = (index: number): boolean =>
    state.unpacked.has(index) || state.layers[index]?.isPresent === true;
  const shown =
    indexes.length <= room ? indexes : [...indexes.filter((index) => !isDone(index))].slice(0, room);
  const lines = shown.map((index) => layerLine(state, index));
  const { missingBytes, receivedBytes, missingLayers, unpacked } = state;
  const total = `${formatBytes(receivedBytes)} of ${formatBytes(missingBytes)}, ${unpacked.size} of ${missingLayers} layers`;
  const all = state.layers.length === 0 ? [state.image] : [state.image, ...lines, `  ${total}`];
  return all.map((line) => line.slice(0, Math.max(1, screen.columns - 1)));
}

function layerLine(state: PullState, index: number): string {
  const layer = state.layers[index];
  if (layer === undefined) return '';
  const name = layer.digest.slice(shortDigestAt, shortDigestAt + shortDigestLength);
  const size = formatBytes(layer.sizeBytes);
  if (layer.isPresent) return `  ${name}  here already`;
  if (state.unpacked.has(index)) return `  ${name}  [${'#'.repeat(barWidth)}]  ${size}, done`;
  const received = state.received.get(index);
  if (received === undefined) return `  ${name}  [${' '.repeat(barWidth)}]  ${size}, waiting`;
  const share = layer.sizeBytes === 0 ? 1 : Math.min(1, received / layer.sizeBytes);
  const filled = Math.floor(share * barWidth);
  const bar = `${'#'.repeat(filled)}${' '.repeat(barWidth - filled)}`;
  const what = received >= layer.sizeBytes ? `${size}, unpacking` : `${formatBytes(received)} of ${size}`;
  return `  ${name}  [${bar}]  ${what}`;
}
