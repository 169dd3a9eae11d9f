// One line of a tar-split file.

export type SplitLine = { readonly kind: 'segment'; readonly bytes: Buffer } | SplitFile;

export interface SplitFile {
  readonly kind: 'file';
  /** Bytes as a latin1 string. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Eight bytes; empty for an entry without content. */
  readonly crc64: Buffer;
}

/** Throws an Error that says what is wrong with the line. */
export function parseSplitLine(line: string): SplitLine {
  const value = JSON.parse(line) as Record<string, unknown>;
  const { type, payload } = value;
  if (payload !== null && payload !== undefined && typeof payload !== 'string')
    throw new Error('a tar-split payload of a wrong type');
  const bytes = Buffer.from(payload ?? '', 'base64');
  if (type === 2) return { kind: 'segment', bytes };
  if (type !== 1) throw new Error(`a tar-split line of unknown type ${String(type)}`);
  const { name, name_raw: raw, size = 0 } = value;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw new Error('a tar-split line of a wrong size');
  const nameBytes =
    typeof raw === 'string' ? Buffer.from(raw, 'base64') : Buffer.from(String(name ?? ''), 'utf8');
  return { kind: 'file', name: nameBytes.toString('latin1'), sizeBytes: size, crc64: bytes };
}
