// Signatures beside the registry: `<place>/<repository path>@sha256=<hex>/signature-1`, and so on without a gap.

import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { isENOENT } from '../errors/errno.ts';
import type { HttpTransport } from '../registry/http-transport.ts';
import type { Reference } from '../registry/reference.ts';
import type { Digest } from '../registry/registry.ts';
import { type ImageSignature, parseSignatureBlob } from './image-signature.ts';

/** As in containers/image. */
const maxSignatures = 128;
const maxSignatureBytes = 4 * 1024 * 1024;

/** All signatures for this manifest; rejects when the place cannot be read, which is not the same as none. */
export async function readLookaside(
  place: string,
  image: { readonly reference: Reference; readonly manifestDigest: Digest },
  transport: HttpTransport,
  signal: AbortSignal,
): Promise<ImageSignature[]> {
  if (!URL.canParse(place)) throw new Error(`lookaside "${place}" of registries.d is no URL`);
  const base = new URL(place);
  const { path } = image.reference.repository;
  const folder = `${base.pathname.replace(/\/+$/, '')}/${path}@${image.manifestDigest.replace(':', '=')}`;
  const signatures: ImageSignature[] = [];
  for (let number = 1; number <= maxSignatures; number += 1) {
    const url = new URL(`${folder}/signature-${number}`, base);
    const blob = await readBlob(url, transport, signal);
    if (blob === undefined) return signatures;
    signatures.push(parseSignatureBlob(blob));
  }
  throw new Error(`lookaside "${place}" has more than ${maxSignatures} signatures for the image`);
}

async function readBlob(
  url: URL,
  transport: HttpTransport,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (url.protocol === 'file:') return readLocal(fileURLToPath(url));
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error(`lookaside has scheme "${url.protocol}"; file, http and https are supported`);
  }
  const peer = { names: [url.host], verify: true };
  const response = await transport.send({ method: 'GET', url, headers: {}, peer }, signal);
  if (response.status === 200) {
    const bytes = await response.readDocument(maxSignatureBytes);
    if (bytes === undefined) throw tooLong();
    return bytes;
  }
  await response.discard();
  if (response.status === 404) return undefined;
  throw new Error(`lookaside server "${url.host}" answers with HTTP ${response.status}`);
}

async function readLocal(path: string): Promise<Uint8Array | undefined> {
  try {
    if ((await stat(path)).size > maxSignatureBytes) throw tooLong();
    return await readFile(path);
  } catch (cause) {
    if (isENOENT(cause)) return undefined;
    throw cause;
  }
}

function tooLong(): Error {
  return new Error(`a signature has more than ${maxSignatureBytes} bytes`);
}
