// A network namespace that stands for a host: its interfaces, rules and switches are not those of the machine.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { patienceMs } from './until.ts';

export type Transport = 'tcp' | 'udp';

const tcpClient = `const [host, port] = process.argv.slice(1);
require('net').connect({ host, port, timeout: 20000 })
  .on('timeout', () => process.exit(1)).on('error', () => process.exit(1)).pipe(process.stdout)`;

const udpClient = `const [host, port] = process.argv.slice(1);
const socket = require('dgram').createSocket(host.includes(':') ? 'udp6' : 'udp4');
socket.on('message', (text) => { process.stdout.write(text); socket.close(); });
socket.on('error', () => process.exit(1));
socket.connect(Number(port), host, () => socket.send('hello'));
setTimeout(() => process.exit(1), 20000).unref();`;

export class HostNamespace {
  readonly name = `cria-host-${randomBytes(3).toString('hex')}`;
  readonly path = `/run/netns/${this.name}`;

  /** Makes the namespace with a loopback interface that is up. Must be destroyed. */
  constructor() {
    execFileSync('ip', ['netns', 'add', this.name]);
    this.run('ip', 'link', 'set', 'lo', 'up');
    // a new namespace has the switches of the machine
    for (const name of ['all', 'default']) this.setSwitch(`ipv4/conf/${name}/route_localnet`, '0');
  }

  /** The output of a command in the namespace; throws when it fails. */
  run(...argv: readonly string[]): string {
    return this.runIn(this.path, ...argv);
  }

  /** The same in another network namespace. */
  runIn(netns: string, ...argv: readonly string[]): string {
    const args = [`--net=${netns}`, ...argv];
    return execFileSync('nsenter', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Waits until an IPv6 address of this host is in use: the kernel looks for duplicates before. */
  async usesAddress(address: string): Promise<void> {
    for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await sleep(50)) {
      if (this.run('ip', '-6', 'address', 'show', 'to', address, '-tentative').includes(address)) return;
    }
    throw new Error(`${address} is still tentative`);
  }

  /** The value of a switch of the namespace, such as `ipv4/conf/all/forwarding`. */
  switchOf(name: string): string {
    return this.run('cat', `/proc/sys/net/${name}`).trim();
  }

  setSwitch(name: string, value: string): void {
    this.run('sh', '-c', `echo ${value} > /proc/sys/net/${name}`);
  }

  /** What a server says to somebody on this host; undefined when it does not answer. */
  ask(host: string, port: number, transport: Transport = 'tcp'): string | undefined {
    try {
      return this.run(
        process.execPath,
        '-e',
        transport === 'tcp' ? tcpClient : udpClient,
        host,
        String(port),
      );
    } catch {
      return undefined;
    }
  }

  destroy(): void {
    if (existsSync(this.path)) execFileSync('ip', ['netns', 'del', this.name]);
  }
}

/** What a server says to somebody in a network namespace; undefined when it does not answer. */
export function askFrom(
  netns: string,
  address: string,
  port: number,
  transport: Transport = 'tcp',
): string | undefined {
  const client = transport === 'tcp' ? tcpClient : udpClient;
  try {
    const args = [`--net=${netns}`, process.execPath, '-e', client, address, String(port)];
    return execFileSync('nsenter', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return undefined;
  }
}
