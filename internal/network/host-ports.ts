// Host ports by rules of our own, for networks whose plugins do not map them. See host-port-rules.ts for the rules.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DaemonError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { ProcessError } from '../process/process-error.ts';
import { findPlugin } from './cni-plugin.ts';
import { hostPorts, portText } from './host-port-claims.ts';
import {
  hostPortRules,
  isMapped,
  isOnLoopback,
  type MappedPod,
  unreachablePorts,
} from './host-port-rules.ts';
import { programDirectories } from './program-directories.ts';
import { interfaceTo, RouteLocalnet } from './route-localnet.ts';
import { forgetUdpFlows } from './udp-flows.ts';

const nftTimeoutMs = 30_000;

export class HostPorts {
  readonly #runner: CommandRunner;
  readonly #log: Logger;
  readonly #table: string;
  readonly #localnet: RouteLocalnet;
  /** A file that is there while the table may be. */
  readonly #mark: string;
  readonly #pods = new Map<string, MappedPod>();
  #last: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | undefined;
  /** Whether the last writing has left rules. */
  #hasTable = false;

  /** `stateDirectory` tells the tables of several daemons on one host apart. */
  constructor(stateDirectory: string, runner: CommandRunner, log: Logger) {
    this.#runner = runner;
    this.#log = log;
    this.#table = tableName(stateDirectory);
    this.#localnet = new RouteLocalnet(stateDirectory);
    this.#mark = join(stateDirectory, 'host-port-table');
  }

  /** Rejects with what to do when this machine cannot map host ports. */
  async refuseWithoutTool(subject: string): Promise<void> {
    if ((await nft()) !== undefined) return;
    throw new DaemonError(
      'failed-precondition',
      `${subject} asks for a host port, but no plugin of its network maps ports and nft is not in ` +
        `${programDirectories.join(':')}: install nftables or add the portmap plugin to the network`,
    );
  }

  /**
   * After a start: exactly these pods are mapped, whatever an earlier daemon has left. A failure is logged; the next
   * change tries again. A node that uses no rules of ours is not burdened with nftables.
   */
  async restore(pods: readonly MappedPod[]): Promise<void> {
    await this.#localnet.open();
    for (const pod of pods) this.#pods.set(pod.sandboxId, pod);
    if (pods.length === 0 && !existsSync(this.#mark)) return;
    await this.refresh();
  }

  /** Writes all rules again, for what somebody else may have flushed. Does not reject. */
  async refresh(): Promise<void> {
    await this.#apply().catch((cause: unknown) => {
      this.#log.error({ err: cause, table: this.#table }, 'cannot write the host port rules');
    });
  }

  /** Whether any pod has rules of ours, or may have left some. */
  get isUsed(): boolean {
    return this.#pods.size > 0 || existsSync(this.#mark);
  }

  /** Writes all rules again when somebody has flushed them, as a restart of a firewall does. Does not reject. */
  async repair(): Promise<void> {
    await this.#last;
    if (!this.#hasTable || (await this.#isTableThere()) || !this.#hasTable) return;
    this.#log.warn(
      { table: this.#table },
      'the host port rules were flushed by somebody; they are written again',
    );
    await this.refresh();
  }

  /** True also when nft cannot say: whoever changes something next tells what is wrong. */
  async #isTableThere(): Promise<boolean> {
    const program = await nft();
    if (program === undefined) return true;
    const never = new AbortController().signal;
    try {
      const { stdout } = await this.#runner.run(
        [program, 'list', 'tables', 'inet'],
        { timeoutMs: nftTimeoutMs },
        never,
      );
      return stdout.split('\n').some((line) => line.trim() === `table inet ${this.#table}`);
    } catch (err) {
      this.#log.debug({ err, table: this.#table }, 'cannot look for the host port rules');
      return true;
    }
  }

  /** The pod's host ports lead to it afterwards; after a failure some may, until `remove`. */
  async install(pod: MappedPod): Promise<void> {
    if (hostPorts(pod).length === 0) return;
    for (const mapping of unreachablePorts(pod)) {
      const fields = { sandboxId: pod.sandboxId, hostPort: portText(mapping), addresses: pod.prefixes };
      this.#log.warn(fields, 'a host port leads nowhere: the pod has no address of its family');
    }
    this.#pods.set(pod.sandboxId, pod);
    await this.#apply();
    await forgetUdpFlows(pod, this.#runner, this.#log);
  }

  /** The pod's host ports are free afterwards. Idempotent. */
  async remove(sandboxId: string): Promise<void> {
    const pod = this.#pods.get(sandboxId);
    if (pod === undefined) return;
    this.#pods.delete(sandboxId);
    try {
      await this.#apply();
    } catch (cause) {
      this.#pods.set(sandboxId, pod); // its rules stand: a later remove must not believe them gone
      throw cause;
    }
    await forgetUdpFlows(pod, this.#runner, this.#log);
  }

  /** Writes the rules of all pods; who asks while a writing runs joins the next one. */
  #apply(): Promise<void> {
    this.#waiting ??= this.#afterLast();
    return this.#waiting;
  }

  async #afterLast(): Promise<void> {
    await this.#last;
    this.#waiting = undefined;
    const writing = this.#write();
    this.#last = writing.catch(() => {});
    await writing;
  }

  async #write(): Promise<void> {
    const pods = [...this.#pods.values()];
    await this.#localnet.prepare(await loopbackInterfaces(pods));
    await writeFile(this.#mark, `${this.#table}\n`);
    await this.#load(hostPortRules(this.#table, pods, this.#localnet.ours));
    this.#hasTable = pods.some(isMapped);
    if (pods.length === 0) await rm(this.#mark);
    await this.#localnet.switchOn();
  }

  async #load(rules: string): Promise<void> {
    const program = await nft();
    if (program === undefined) {
      const text = `cannot write the host port rules: nft is not in ${programDirectories.join(':')}`;
      throw new DaemonError('failed-precondition', `${text}; install nftables`);
    }
    const options = { stdin: rules, timeoutMs: nftTimeoutMs };
    try {
      await this.#runner.run([program, '-f', '-'], options, new AbortController().signal);
    } catch (cause) {
      if (!(cause instanceof ProcessError)) throw cause;
      const words = cause.failure.stderr.split('\n')[0]?.slice(0, 300);
      throw new DaemonError('internal', `cannot write the host port rules: nft says "${words}"`, cause);
    }
  }
}

function nft(): Promise<string | undefined> {
  return findPlugin('nft', programDirectories);
}

function tableName(stateDirectory: string): string {
  return `cria_ports_${createHash('sha256').update(stateDirectory).digest('hex').slice(0, 8)}`;
}

/** By which interfaces connections to 127.0.0.1 leave for pods. */
async function loopbackInterfaces(pods: readonly MappedPod[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const pod of pods) {
    const address = pod.prefixes.map((prefix) => prefix.split('/')[0] ?? '').find((ip) => !ip.includes(':'));
    if (address === undefined || !hostPorts(pod).some(isOnLoopback)) continue;
    const name = await interfaceTo(address);
    if (name !== undefined) found.add(name);
  }
  return found;
}
