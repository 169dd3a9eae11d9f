// The parts of the host's network that a test's pods use: a free subnet, a bridge, the forwarding switch.

import { execFileSync, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';

const forwarding = '/proc/sys/net/ipv4/ip_forward';

function routes(...args: readonly string[]): string[] {
  const listing = execFileSync('ip', ['-4', 'route', 'show', ...args], { encoding: 'utf8' });
  return listing.split('\n').filter((line) => line !== '' && !line.startsWith('default'));
}

/** A /24 that no route of this machine touches. */
export function freeSubnet(): string {
  for (let attempt = 0; attempt < 50; attempt++) {
    const address = `10.${randomInt(128, 250)}.${randomInt(0, 256)}.0`;
    if (routes('match', address).length + routes('root', `${address}/24`).length === 0)
      return `${address}/24`;
  }
  throw new Error('no free 10.x.y.0/24 on this machine');
}

/** CNI's bridge plugin turns forwarding on for the whole host; the returned function sets what was before. */
export function rememberForwarding(): () => void {
  const before = readFileSync(forwarding, 'utf8');
  return () => {
    if (readFileSync(forwarding, 'utf8') !== before) writeFileSync(forwarding, before);
  };
}

/** Deletes the bridge; absent is success. */
export function deleteBridge(name: string): void {
  spawnSync('ip', ['link', 'delete', name], { stdio: 'ignore' });
}

/** The bridge plugin's masquerading: one rule per pod address, with the network's name as its comment. */
function masqueradingRules(bridge: string): string[] {
  const nat = spawnSync('iptables-save', ['-t', 'nat'], { encoding: 'utf8' }).stdout ?? '';
  return nat.split('\n').filter((line) => line.includes(`name: \\"${bridge}\\"`));
}

/** Deletes the rules of pods whose network nobody took down, with their chains; a killed ADD leaves one without a jump. */
export function removeMasquerading(bridge: string): void {
  const rules = masqueradingRules(bridge);
  if (rules.length === 0) return;
  const jumps = rules.filter((rule) => rule.startsWith('-A POSTROUTING '));
  const chains = [...new Set(rules.flatMap((rule) => rule.match(/\bCNI-[0-9a-f]+/)?.[0] ?? []))];
  const lines = [
    '*nat',
    ...jumps.map((rule) => rule.replace('-A', '-D')),
    ...chains.map((chain) => `-F ${chain}`),
    ...chains.map((chain) => `-X ${chain}`),
    'COMMIT\n',
  ];
  execFileSync('iptables-restore', ['--noflush'], { input: lines.join('\n') });
}

/** The host's own interfaces and NAT rules that belong to pods of this bridge's network. */
export function podNetworkTraces(bridge: string): string[] {
  const links = execFileSync('ip', ['-o', 'link', 'show'], { encoding: 'utf8' }).split('\n');
  const ports = links.filter((line) => line.includes(`master ${bridge} `)).map((line) => line.split(': ')[1]);
  return [...ports.map((port) => `interface ${port}`), ...masqueradingRules(bridge)];
}

/**
 * A TCP port of the loopback address that nobody listens on now. It is none of those that the kernel gives to whoever
 * connects (ip_local_port_range, from 32768 on): no connection of somebody else takes it before it is used.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = randomInt(10_000, 32_768);
    if (await canListen(port)) return port;
  }
  throw new Error('no free port on 127.0.0.1');
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
