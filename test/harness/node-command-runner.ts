// A CommandRunner over plain child processes, for tests of parts that run commands.

import { type ChildProcess, spawn } from 'node:child_process';
import { isAbsolute } from 'node:path';
import type { Readable } from 'node:stream';
import type { CommandResult, CommandRunner, RunOptions } from '../../internal/process/command-runner.ts';
import { ProcessError } from '../../internal/process/process-error.ts';

const outputCapBytes = 1024 * 1024;
/** How long the pipes may stay open after the command's own exit, because a process that it left behind holds them. */
const drainMs = 1000;
/** How long a killed command may take to die; one that waits inside the kernel (state D) is given up after it. */
const deathMs = 5000;

/** Runs commands as children of this process, each in a process group of its own. */
export const nodeCommandRunner: CommandRunner = {
  async run(argv, options, signal) {
    const [program, ...args] = argv;
    if (program === undefined || !isAbsolute(program))
      throw failedToStart(argv, new Error('the command must be named by an absolute path'));
    if (signal.aborted) throw failedToStart(argv, signal.reason);
    let child: ChildProcess;
    try {
      child = spawn(program, args, {
        // setsid: the group's id is the child's pid, so that one kill reaches all that it starts
        detached: true,
        stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
        ...(options.env === undefined ? {} : { env: { ...options.env } }),
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      });
    } catch (cause) {
      throw failedToStart(argv, cause);
    }
    return new Running(argv, child).finish(options, signal);
  },
};

function failedToStart(argv: readonly string[], cause: unknown): ProcessError {
  const nothing = { exitCode: null, signalName: null, stdout: '', stderr: '', timedOut: false };
  return new ProcessError({ argv, ...nothing }, cause);
}

/** Why a command was killed before its own end. */
type Interruption = { readonly timedOut: boolean; readonly cause: unknown };

class Running {
  readonly #argv: readonly string[];
  readonly #child: ChildProcess;
  readonly #stdout: CappedOutput;
  readonly #stderr: CappedOutput;
  #interruption: Interruption | undefined;
  #giveUp: NodeJS.Timeout | undefined;
  #settle: (startError: unknown) => void = () => {};

  constructor(argv: readonly string[], child: ChildProcess) {
    this.#argv = argv;
    this.#child = child;
    this.#stdout = new CappedOutput(child.stdout);
    this.#stderr = new CappedOutput(child.stderr);
  }

  async finish(options: RunOptions, signal: AbortSignal): Promise<CommandResult> {
    const ended = this.#ended();
    const { stdin } = this.#child;
    stdin?.on('error', () => {}); // EPIPE: a command need not read its input
    stdin?.end(options.stdin);

    const onAbort = (): void => this.#interrupt({ timedOut: false, cause: signal.reason });
    signal.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => this.#interrupt({ timedOut: true, cause: undefined }), options.timeoutMs);
    try {
      return this.#outcome(await ended);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Settles on 'close', that is after the exit and the last byte; bounded once the command has exited or was killed. */
  #ended(): Promise<unknown> {
    const child = this.#child;
    return new Promise((resolve) => {
      this.#settle = (startError) => {
        clearTimeout(this.#giveUp);
        resolve(startError);
      };
      child.once('close', () => this.#settle(undefined));
      child.once('exit', () => this.#giveUpAfter(drainMs));
      child.on('error', (error) => {
        if (child.pid === undefined) this.#settle(error); // it never ran; 'close' does not always follow
      });
    });
  }

  #giveUpAfter(ms: number): void {
    clearTimeout(this.#giveUp);
    this.#giveUp = setTimeout(() => {
      this.#killGroup();
      this.#release();
      this.#settle(undefined);
    }, ms);
  }

  #interrupt(interruption: Interruption): void {
    if (this.#interruption !== undefined) return;
    this.#interruption = interruption;
    this.#killGroup();
    this.#giveUpAfter(deathMs);
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // ESRCH: the whole group is gone already
    }
  }

  /** Lets go of what an unkillable process, or one that left the group, still holds. */
  #release(): void {
    const { stdin, stdout, stderr } = this.#child;
    for (const stream of [stdin, stdout, stderr]) stream?.destroy();
    this.#child.unref();
  }

  #outcome(startError: unknown): CommandResult {
    const stdout = this.#stdout.text();
    const stderr = this.#stderr.text();
    const { exitCode, signalCode } = this.#child;
    if (exitCode === 0 && this.#interruption === undefined) return { stdout, stderr };
    const timedOut = this.#interruption?.timedOut ?? false;
    const failure = {
      argv: this.#argv,
      exitCode: startError === undefined ? exitCode : null,
      signalName: signalCode,
      stdout,
      stderr,
      timedOut,
    };
    throw new ProcessError(failure, startError ?? this.#interruption?.cause);
  }
}

/** The first `outputCapBytes` of a stream; the rest is read and dropped, so that the writer never blocks. */
class CappedOutput {
  readonly #chunks: Buffer[] = [];
  #sizeBytes = 0;

  constructor(stream: Readable | null) {
    stream?.on('data', (chunk: Buffer) => {
      const free = outputCapBytes - this.#sizeBytes;
      if (free <= 0) return;
      this.#chunks.push(chunk.subarray(0, free));
      this.#sizeBytes += Math.min(free, chunk.length);
    });
    stream?.on('error', () => {}); // a read error ends the stream; 'close' follows
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}
