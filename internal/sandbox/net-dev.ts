// /proc/PID/net/dev: the counters of a network namespace's interfaces.

export interface InterfaceUse {
  readonly name: string;
  readonly rxBytes: bigint;
  readonly rxErrors: bigint;
  readonly txBytes: bigint;
  readonly txErrors: bigint;
}

/** All interfaces but the loopback. Columns as in the kernel's dev_seq_printf_stats: 8 of reception, then 8 of sending. */
export function parseNetDev(text: string): InterfaceUse[] {
  return text.split('\n').flatMap((line) => {
    const [, name, counters] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || counters === undefined || name === 'lo') return [];
    const values = counters.split(/\s+/);
    const at = (column: number): bigint => BigInt(values[column] ?? '0');
    return [{ name, rxBytes: at(0), rxErrors: at(2), txBytes: at(8), txErrors: at(10) }];
  });
}
