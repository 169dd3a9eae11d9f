// Messages of the channel protocols: the channel in the first byte, then the data; or, for clients that can send only text, the
// channel as a digit and the data in base64.

export interface ChannelMessage {
  readonly channel: number;
  readonly payload: Buffer;
}

/** What goes into one message. */
export function encodeMessage(channel: number, payload: Buffer, isBase64: boolean): Buffer | string {
  if (isBase64) return `${channel}${payload.toString('base64')}`;
  const message = Buffer.allocUnsafe(payload.length + 1);
  message[0] = channel;
  message.set(payload, 1);
  return message;
}

/** Undefined for a message that names no channel. */
export function decodeMessage(message: Buffer, isBase64: boolean): ChannelMessage | undefined {
  const first = message[0];
  if (first === undefined) return undefined;
  const rest = message.subarray(1);
  if (!isBase64) return { channel: first, payload: rest };
  const channel = first - 0x30;
  if (channel < 0 || channel > 9) return undefined;
  return { channel, payload: Buffer.from(rest.toString('latin1'), 'base64') };
}
