// What a WebSocket client of the channel protocols, or of a tunnel, might send, message by message.

import type { Random } from './random.ts';
import { spdyScript } from './spdy-script.ts';

export type WebSocketUse = 'channels' | 'base64' | 'tunnel';

const opcodes = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A frame of a client, which has to mask what it sends (RFC 6455, 5.2). */
function frame(random: Random, opcode: number, payload: Buffer, isLast = true): Buffer {
  const size = payload.length;
  const head = Buffer.alloc(size < 126 ? 2 : 4);
  head[0] = (isLast ? 0x80 : 0) | opcode;
  head[1] = 0x80 | Math.min(size, 126);
  if (size >= 126) head.writeUInt16BE(size, 2);
  const mask = random.bytes(4);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]);
}

function message(random: Random, use: WebSocketUse): Buffer {
  const channel = random.pick([0, 0, 0, 1, 4, 255, 2, 7]);
  const payload =
    channel === 4 ? Buffer.from('{"Width":80,"Height":24}') : random.bytes(random.pick([0, 1, 9, 2000]));
  if (use === 'base64') return Buffer.from(`${channel % 10}${payload.toString('base64')}`);
  return Buffer.concat([Buffer.of(channel), payload]);
}

export function webSocketScript(random: Random, use: WebSocketUse): Buffer[] {
  if (use === 'tunnel')
    return spdyScript(random, 'portforward').map((bytes) => frame(random, opcodes.binary, bytes));
  const opcode = use === 'base64' ? opcodes.text : opcodes.binary;
  const frames: Buffer[] = [];
  for (let left = 10 + random.below(40); left > 0; left--) {
    const kind = random.below(10);
    if (kind < 7) frames.push(frame(random, opcode, message(random, use)));
    else if (kind === 7) frames.push(frame(random, opcodes.ping, random.bytes(random.below(20))));
    else if (kind === 8) frames.push(frame(random, opcodes.pong, random.bytes(random.below(20))));
    else
      frames.push(
        frame(random, opcode, message(random, use), false),
        frame(random, opcodes.more, random.bytes(random.below(100))),
      );
  }
  if (random.oneIn(3)) frames.push(frame(random, opcodes.close, Buffer.from([3, 232])));
  return frames;
}
