// What a client of SPDY/3.1 might send, frame by frame, all of it good; what is wrong with it comes by `mutate.ts`.

import { constants, deflateRawSync, deflateSync } from 'node:zlib';
import { headerDictionary } from '../../internal/streaming/spdy/header-dictionary.ts';
import { controlFrame, words } from '../harness/spdy-client.ts';
import type { Random } from './random.ts';

export type SpdyUse = 'command' | 'portforward';

/** Compresses header blocks one behind the other, as one stream. */
class HeaderWriter {
  #before: Buffer | undefined;

  block(headers: Readonly<Record<string, string>>): Buffer {
    const entries = Object.entries(headers);
    const strings = entries.flat().map((text) => Buffer.concat([words(text.length), Buffer.from(text)]));
    const bytes = Buffer.concat([words(entries.length), ...strings]);
    const dictionary = this.#before ?? headerDictionary();
    const options = { dictionary: dictionary.subarray(-32_768), finishFlush: constants.Z_SYNC_FLUSH };
    const block = this.#before === undefined ? deflateSync(bytes, options) : deflateRawSync(bytes, options);
    this.#before = Buffer.concat([dictionary, bytes]);
    return block;
  }
}

function data(id: number, payload: Buffer, flags: number): Buffer {
  const head = words(id, payload.length);
  head[4] = flags;
  return Buffer.concat([head, payload]);
}

/** The streams of a command, or of some connections, and then a few dozen frames on them. */
export function spdyScript(random: Random, use: SpdyUse): Buffer[] {
  const writer = new HeaderWriter();
  const frames: Buffer[] = [];
  let next = 1;
  const open = (headers: Readonly<Record<string, string>>, flags = 0): void => {
    const payload = Buffer.concat([words(next, 0), Buffer.alloc(2), writer.block(headers)]);
    frames.push(controlFrame(1, flags, payload));
    next += 2;
  };
  if (use === 'command') {
    for (const streamtype of ['error', 'stdin', 'stdout', 'stderr']) open({ streamtype });
  } else {
    for (let requestid = 0; requestid < 1 + random.below(4); requestid++) {
      const headers = { port: String(random.pick([80, 81])), requestid: String(requestid) };
      open({ ...headers, streamtype: 'error' }, 1);
      open({ ...headers, streamtype: 'data' });
    }
  }
  for (let left = 5 + random.below(40); left > 0; left--) {
    const id = 2 * random.below(next / 2 + 1) + 1;
    const kind = random.below(12);
    if (kind < 6)
      frames.push(data(id, random.bytes(random.pick([0, 1, 20, 300, 3000])), random.oneIn(9) ? 1 : 0));
    else if (kind < 8) frames.push(controlFrame(6, 0, words(random.below(1000))));
    else if (kind === 8) frames.push(controlFrame(3, 0, words(id, 1 + random.below(8))));
    else if (kind === 9)
      frames.push(controlFrame(8, 0, Buffer.concat([words(id), writer.block({ x: 'y' })])));
    else if (kind === 10)
      open({ streamtype: random.pick(['data', 'resize', 'x']), requestid: '77', port: '80' });
    else frames.push(controlFrame(random.pick([4, 9, 10]), 0, words(1, random.below(100_000))));
  }
  if (random.oneIn(3)) frames.push(controlFrame(7, 0, words(0, 0)));
  return frames;
}
