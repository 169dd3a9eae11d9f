// A WebAssembly module of one loop, which folds bytes for CRC-64/GO-ISO sixteen at a time. It is small enough to be put
// together here, instruction by instruction, so that the build needs no compiler for it.
//
// P(x) = x^64 + x^4 + x^3 + x + 1 divides P(x)^64, which is x^4096 + x^256 + x^192 + x^64 + 1. So, modulo P, a word of 64 bits
// may be replaced by itself 60, 61, 63 and 64 words later: s[i] = w[i] ^ s[i-60] ^ s[i-61] ^ s[i-63] ^ s[i-64]. With
// u[i] = s[i] ^ s[i-1] that is s[i] = w[i] ^ u[i-60] ^ u[i-63].

/** Where the module works, from the address `scratch` on: the last s in the upper half of 16 bytes, then all u. */
export const carryBytes = 16;
/** The u of the 64 words before. */
export const windowBytes = 512;
const wordBytes = 8;

type Code = readonly number[];

/** LEB128, as all numbers in a module. */
function number(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...number(value >>> 7)];
}

const section = (id: number, content: Code): Code => [id, ...number(content.length), ...content];
const text = (value: string): Code => [value.length, ...Buffer.from(value)];

const get = (local: number): Code => [0x20, local];
const set = (local: number): Code => [0x21, local];
const tee = (local: number): Code => [0x22, local];
const addI32: Code = [0x6a];
const constI32 = (value: number): Code => [0x41, value];
const lessI32: Code = [0x49];
const loop: Code = [0x03, 0x40];
const repeatIf: Code = [0x0d, 0];
const end: Code = [0x0b];
const loadV128 = (offset: number): Code => [0xfd, 0x00, 0, ...number(offset)];
const storeV128 = (offset: number): Code => [0xfd, 0x0b, 0, ...number(offset)];
const xorV128: Code = [0xfd, 0x51];
/** The upper half of the first vector, then the lower half of the second. */
const joinHalves: Code = [0xfd, 0x0d, ...Array.from({ length: 16 }, (_, lane) => lane + 8)];

const [i32, v128] = [0x7f, 0x7b];

/** Parameters and locals. */
const [data, scratch, bytes, at, before, s] = [0, 1, 2, 3, 4, 5] as const;

function loopCode(): Code {
  const addressIn = (base: number): Code => [...get(base), ...get(at), ...addI32];
  const window = carryBytes + windowBytes;
  return [
    ...[2, 1, i32, 2, v128], // the locals: one i32, two v128
    ...[...get(scratch), ...loadV128(0), ...set(before)],
    ...loop,
    ...[...addressIn(data), ...loadV128(0)],
    ...[...addressIn(scratch), ...loadV128(window - 60 * wordBytes), ...xorV128],
    ...[...addressIn(scratch), ...loadV128(window - 63 * wordBytes), ...xorV128, ...set(s)],
    ...[...addressIn(scratch), ...get(before), ...get(s), ...joinHalves, ...get(s), ...xorV128],
    ...[...storeV128(window), ...get(s), ...set(before)],
    ...[...get(at), ...constI32(16), ...addI32, ...tee(at), ...get(bytes), ...lessI32, ...repeatIf],
    ...end,
    ...[...get(scratch), ...get(before), ...storeV128(0)],
    ...end,
  ];
}

/** Exports `fold(data, scratch, bytes)`, where bytes is a multiple of 16 and not 0; imports `memory.own`. */
export function foldModule(): Uint8Array<ArrayBuffer> {
  const code = loopCode();
  return new Uint8Array([
    ...[0, ...Buffer.from('asm'), 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, i32, i32, i32, 0]), // one type: three i32, no result
    ...section(2, [1, ...text('memory'), ...text('own'), 2, 0, 1]), // a memory of a page or more
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('fold'), 0, 0]),
    ...section(10, [1, ...number(code.length), ...code]),
  ]);
}
