// irqbalance, which moves the interrupts that there are: its service is restarted, or it is run once. What it cannot do
// is in the log: interrupts that stay where they are do not keep a container from running.

import { findProgram } from '../config/executable.ts';
import { describeError } from '../errors/daemon-error.ts';
import type { Logger } from '../log/logger.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { ProcessError } from '../process/process-error.ts';

const service = 'irqbalance';
const queryTimeoutMs = 5_000;
const balanceTimeoutMs = 15_000;

export interface IrqbalanceParts {
  readonly runner: CommandRunner;
  readonly logger: Logger;
  /** A PATH in which irqbalance and systemctl are looked for. */
  readonly searchPath: string;
}

export interface BannedVariable {
  readonly name: string;
  readonly value: string;
}

export class Irqbalance {
  readonly #parts: IrqbalanceParts;
  #running: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | undefined;
  #wanted: { variable: BannedVariable; hasConfig: boolean } | undefined;

  constructor(parts: IrqbalanceParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when irqbalance has been told. Callers that come while it is being told share the next time: a service that is
   * restarted for each of many containers would meet systemd's StartLimitBurst. Does not reject.
   */
  balance(variable: BannedVariable, hasConfig: boolean): Promise<void> {
    this.#wanted = { variable, hasConfig };
    this.#waiting ??= this.#running.then(() => {
      this.#running = this.#waiting ?? Promise.resolve();
      this.#waiting = undefined;
      return this.#tell();
    });
    return this.#waiting;
  }

  async #tell(): Promise<void> {
    if (this.#wanted === undefined) return;
    const { variable, hasConfig } = this.#wanted;
    if (hasConfig && (await this.#restartService())) return;
    await this.#runOnce(variable);
  }

  /** False when there is no such service, or it does not start. */
  async #restartService(): Promise<boolean> {
    const systemctl = await findProgram('systemctl', this.#parts.searchPath);
    if (systemctl === undefined) return false;
    const state = await this.#run([systemctl, 'is-enabled', service], queryTimeoutMs).catch(() => '');
    if (state.trim() !== 'enabled') return false; // not installed or switched off: is-enabled fails then
    const restart = (): Promise<string> => this.#run([systemctl, 'restart', service], balanceTimeoutMs);
    try {
      // After some starts in a short time systemd refuses the next one, and has stopped the service by then (StartLimitBurst in
      // systemd.unit(5), which counts those by hand too); reset-failed sets its count to zero (systemctl(1)).
      await restart().catch(async (cause: unknown) => {
        if (cause instanceof ProcessError && cause.failure.timedOut) throw cause; // that was no refusal
        await this.#run([systemctl, 'reset-failed', service], queryTimeoutMs);
        return restart();
      });
      return true;
    } catch (cause) {
      this.#parts.logger.warn({ error: describeError(cause) }, 'cannot restart the service irqbalance');
      return false;
    }
  }

  async #runOnce({ name, value }: BannedVariable): Promise<void> {
    const { searchPath, logger } = this.#parts;
    const program = await findProgram('irqbalance', searchPath);
    if (program === undefined) {
      logger.info({}, 'there is no irqbalance: interrupts that devices have already stay on their CPUs');
      return;
    }
    const banned = value === '' ? {} : { [name]: value };
    try {
      await this.#run([program, '--oneshot'], balanceTimeoutMs, { PATH: searchPath, ...banned });
    } catch (cause) {
      logger.warn({ error: describeError(cause) }, 'irqbalance cannot move the interrupts');
    }
  }

  async #run(argv: string[], timeoutMs: number, env?: Record<string, string>): Promise<string> {
    const options = { timeoutMs, ...(env !== undefined && { env }) };
    return (await this.#parts.runner.run(argv, options, new AbortController().signal)).stdout;
  }
}
