// Lets connections to 127.0.0.1 leave for pods: the kernel drops such packets on an interface without route_localnet.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isENOENT } from '../errors/errno.ts';
import { stateFile } from '../fs/state-file.ts';

interface Switched {
  readonly interfaces: readonly string[];
}

const switchedFile = stateFile<Switched>({
  version: 1,
  durable: false,
  parse({ interfaces }) {
    if (!Array.isArray(interfaces) || interfaces.some((name) => !isInterfaceName(name)))
      throw new Error('"interfaces" is not a list of interface names');
    return { interfaces };
  },
});

/** The switch of the interfaces that lead to pods. What others have switched on is left alone. */
export class RouteLocalnet {
  readonly #path: string;
  #ours: readonly string[] = [];

  /** The record of what we switched is kept in `directory`, so that the next daemon can switch it back. */
  constructor(directory: string) {
    this.#path = join(directory, 'route-localnet.json');
  }

  /** Reads what an earlier daemon has left. */
  async open(): Promise<void> {
    const found = await switchedFile.read(this.#path).catch(() => undefined);
    this.#ours = found?.interfaces ?? [];
  }

  /** The interfaces that are on by us: with them must go a rule that keeps neighbours out. */
  get ours(): readonly string[] {
    return this.#ours;
  }

  /** Switches off those of ours that are not in `wanted`, and takes over those that are off; they are not on yet. */
  async prepare(wanted: ReadonlySet<string>): Promise<void> {
    for (const name of this.#ours) if (!wanted.has(name)) await setSwitch(name, '0');
    const kept = this.#ours.filter((name) => wanted.has(name));
    const others = [...wanted].filter((name) => !kept.includes(name));
    const added: string[] = [];
    for (const name of others) if (!(await isOn('all')) && !(await isOn(name))) added.push(name);
    await this.#remember([...kept, ...added]);
  }

  /** Switches all of ours on. */
  async switchOn(): Promise<void> {
    for (const name of this.#ours) await setSwitch(name, '1');
  }

  async #remember(interfaces: readonly string[]): Promise<void> {
    const isSame = interfaces.join('/') === this.#ours.join('/');
    if (!isSame) await switchedFile.write(this.#path, { interfaces });
    this.#ours = interfaces;
  }
}

/** The interface by which the host's main table sends packets to an IPv4 address; undefined without a route. */
export async function interfaceTo(address: string): Promise<string | undefined> {
  const target = numberOf(address);
  const table = await readFile('/proc/net/route', 'utf8');
  let best: { readonly name: string; readonly mask: number } | undefined;
  for (const line of table.trim().split('\n').slice(1)) {
    const [name = '', destination = '', , flags = '', , , , mask = ''] = line.split(/\s+/);
    const isUsable = (Number.parseInt(flags, 16) & 0x201) === 1; // RTF_UP, not RTF_REJECT
    const bits = swapped(mask);
    if (!isUsable || (target & bits) >>> 0 !== swapped(destination)) continue;
    if (best === undefined || bits > best.mask) best = { name, mask: bits };
  }
  return best?.name;
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** The kernel prints the number as it lies in memory; all machines that Node runs on have its low byte first. */
function swapped(hex: string): number {
  return Buffer.from(hex, 'hex').readUInt32LE();
}

function isInterfaceName(value: unknown): value is string {
  return typeof value === 'string' && /^[^/\s"]{1,15}$/.test(value) && value !== '.' && value !== '..';
}

function switchOf(name: string): string {
  return `/proc/sys/net/ipv4/conf/${name}/route_localnet`;
}

async function isOn(name: string): Promise<boolean> {
  return (await readFile(switchOf(name), 'utf8').catch(() => '0')).trim() !== '0';
}

/** An interface that is gone took its switch with it. */
async function setSwitch(name: string, value: '0' | '1'): Promise<void> {
  try {
    await writeFile(switchOf(name), value);
  } catch (cause) {
    if (!isENOENT(cause)) throw cause;
  }
}
