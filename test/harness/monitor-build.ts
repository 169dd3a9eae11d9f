// Which build of the monitor the tests use, see scripts/build-native.mjs; and what its sanitizers found.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach } from 'node:test';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../', import.meta.url));
const variant = process.env['CRIA_MONITOR_VARIANT'] ?? 'product';
const reports = join(dist, 'bin-asan/reports');

export const productPath = join(dist, 'bin/cria-monitor');
/** The monitor under test. */
export const monitorPath = variant === 'product' ? productPath : join(dist, `bin-${variant}/cria-monitor`);
/** The one with the points of cmd/cria-monitor/fault.h. */
export const faultMonitorPath = join(dist, 'bin-fault/cria-monitor');
export const isSanitized = variant === 'asan';

/** Fails the test that runs, or ran last, when a sanitizer has reported. Each report is told once. */
export function assertNoReports(): void {
  const texts = (existsSync(reports) ? readdirSync(reports) : []).map((name) => {
    const text = readFileSync(join(reports, name), 'utf8');
    rmSync(join(reports, name));
    return text;
  });
  if (texts.length > 0) throw new Error(`a sanitizer of the monitor reports:\n${texts.join('\n')}`);
}

if (isSanitized) {
  afterEach(assertNoReports);
  after(assertNoReports);
}
