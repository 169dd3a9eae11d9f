// Signatures beside the registry: `<place>/<repository path>@sha256=<hex>/signature-1`, and so on without a gap.

import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describeError } from '../errors/daemon-error.ts';
import { isENOENT } from '../errors/errno.ts';
import type { HttpResponse } from '../registry/http-response.ts';
import type { HttpTransport } from '../registry/http-transport.ts';
import type { Reference } from '../registry/reference.ts';
import type { Digest } from '../registry/registry.ts';
import { type ImageSignature, parseSignatureBlob, signatureLimits } from './image-signature.ts';

/** All signatures for this manifest; rejects when the place cannot be read, which is not the same as none. */
export async function readLookaside(
  place: string,
  image: { readonly reference: Reference; readonly manifestDigest: Digest },
  transport: HttpTransport,
  signal: AbortSignal,
): Promise<ImageSignature[]> {
  if (!URL.canParse(place)) throw new Error(`lookaside "${withoutLogin(place)}" of registries.d is no URL`);
  const base = new URL(place);
  const { path } = image.reference.repository;
  const folder = `${base.pathname.replace(/\/+$/, '')}/${path}@${image.manifestDigest.replace(':', '=')}`;
  const { count, allBytes } = signatureLimits;
  const signatures: ImageSignature[] = [];
  let bytes = 0;
  for (let number = 1; number <= count; number += 1) {
    const url = new URL(`${folder}/signature-${number}`, base);
    const blob = await readBlob(url, transport, signal);
    if (blob === undefined) return signatures;
    bytes += blob.length;
    if (bytes > allBytes) throw tooMany(place, `signatures of more than ${allBytes} bytes`);
    signatures.push(parseSignatureBlob(blob));
  }
  throw tooMany(place, `more than ${count} signatures`);
}

function tooMany(place: string, what: string): Error {
  return new Error(`lookaside "${withoutLogin(place)}" has ${what} for the image`);
}

/** A user name and a password are nobody's business who reads a log. */
function withoutLogin(place: string): string {
  return place.replace(/\/\/[^/]*@/, '//');
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
  let response: HttpResponse;
  try {
    response = await transport.send({ method: 'GET', url, headers: {}, peer }, signal);
    if (response.status === 200) {
      const bytes = await response.readDocument(signatureLimits.bytes);
      if (bytes === undefined) throw tooLong();
      return bytes;
    }
    await response.discard();
  } catch (cause) {
    signal.throwIfAborted();
    throw new Error(`lookaside server "${url.host}" gives no signature: ${describeError(cause)}`, { cause });
  }
  if (response.status === 404) return undefined;
  throw new Error(`lookaside server "${url.host}" answers with HTTP ${response.status}`);
}

async function readLocal(path: string): Promise<Uint8Array | undefined> {
  try {
    if ((await stat(path)).size > signatureLimits.bytes) throw tooLong();
    return await readFile(path);
  } catch (cause) {
    if (isENOENT(cause)) return undefined;
    throw cause;
  }
}

function tooLong(): Error {
  return new Error(`a signature has more than ${signatureLimits.bytes} bytes`);
}
