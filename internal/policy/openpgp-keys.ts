// OpenPGP public keys from files, binary or in ASCII armor, to the binary keyring that gpgv reads.

const armor = /-----BEGIN PGP PUBLIC KEY BLOCK-----([\s\S]*?)-----END PGP PUBLIC KEY BLOCK-----/g;

/** The binary packets of one key file; throws when there is no key in it. */
export function binaryKeys(file: Uint8Array): Uint8Array {
  const bytes = Buffer.from(file);
  // Every OpenPGP packet begins with a byte that has the high bit set (RFC 4880, 4.2); armor is ASCII.
  if (((bytes[0] ?? 0) & 0x80) !== 0) return bytes;
  const blocks = [...bytes.toString('latin1').matchAll(armor)].map(([, block]) => dearmored(block ?? ''));
  if (blocks.length === 0) throw new Error('holds no OpenPGP public key');
  return Buffer.concat(blocks);
}

/** After the headers comes an empty line, at the end a checksum that begins with "=". */
function dearmored(block: string): Buffer {
  const lines = block.split(/\r?\n/).map((line) => line.trim());
  const start = lines.indexOf('', 1);
  const body = lines.slice(start + 1).filter((line) => line !== '' && !line.startsWith('='));
  const text = body.join('');
  if (start < 0 || text === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) {
    throw new Error('holds a damaged OpenPGP public key');
  }
  return Buffer.from(text, 'base64');
}
