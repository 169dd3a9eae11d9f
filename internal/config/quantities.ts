// Sizes and durations as people write them in the configuration.

const sizeUnits: Readonly<Record<string, number>> = {
  '': 1,
  k: 1000,
  m: 1000 ** 2,
  g: 1000 ** 3,
  t: 1000 ** 4,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  ti: 1024 ** 4,
};

/** Bytes of `512KiB`, `12 MiB`, `1MB` (decimal) or `4096`; undefined when the text is no size. */
export function parseSizeBytes(text: string): number | undefined {
  const found = /^(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?$/i.exec(text.trim());
  const unit = sizeUnits[(found?.[2] ?? '').toLowerCase()];
  if (found?.[1] === undefined || unit === undefined) return undefined;
  return Math.floor(Number(found[1]) * unit);
}

const durationUnitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds of a duration in Go's form: `0`, `2s`, `1m30s`, `500ms`; undefined when the text is none. */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(amount) * (durationUnitsMs[unit ?? ''] ?? 0);
  }
  return total;
}

const quantitySuffixes: Readonly<Record<string, bigint>> = {
  '': 1n,
  k: 1000n,
  M: 1000n ** 2n,
  G: 1000n ** 3n,
  T: 1000n ** 4n,
  P: 1000n ** 5n,
  Ki: 1024n,
  Mi: 1024n ** 2n,
  Gi: 1024n ** 3n,
  Ti: 1024n ** 4n,
  Pi: 1024n ** 5n,
};

/** A quantity as Kubernetes writes it, `1.5Gi` or `1e6`, rounded down; undefined for anything else, negative ones and thousandths too. */
export function parseKubernetesQuantity(text: string): bigint | undefined {
  const form = /^(\d{1,18})(?:\.(\d{1,9}))?(?:(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)|[eE](\d{1,2}))?$/;
  const found = form.exec(text);
  if (found === null) return undefined;
  const [, digits = '0', fraction = '', suffix = '', exponent = '0'] = found;
  const unit = (quantitySuffixes[suffix] ?? 0n) * 10n ** BigInt(exponent);
  return (BigInt(digits + fraction) * unit) / 10n ** BigInt(fraction.length);
}
