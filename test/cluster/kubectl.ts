// kubectl as a person at a shell has it: of this release over either transport, and of an old one.

import { join } from 'node:path';
import { attempt, findProgram, type Outcome } from '../harness/command.ts';

export class Kubectl {
  /** How the tests call it. */
  readonly title: string;
  readonly isOld: boolean;
  readonly #program: readonly string[];

  private constructor(title: string, program: readonly string[], isOld = false) {
    this.title = title;
    this.isOld = isOld;
    this.#program = program;
  }

  /** Whoever calls them must have KUBECONFIG set. */
  static readonly websocket = Kubectl.#over('WebSocket', true);
  static readonly spdy = Kubectl.#over('SPDY', false);

  /** Of a release that speaks nothing but SPDY; undefined where contrib/cluster.sh has not built it. */
  static old(): Kubectl | undefined {
    const version = process.env['CRIA_TEST_OLD_KUBECTL'] ?? '';
    const program = findProgram(`kubectl-${version}`);
    return program === undefined ? undefined : new Kubectl(version, [program], true);
  }

  static #over(title: string, isWebsocket: boolean): Kubectl {
    const settings = ['REMOTE_COMMAND', 'PORT_FORWARD'].map(
      (name) => `KUBECTL_${name}_WEBSOCKETS=${isWebsocket}`,
    );
    return new Kubectl(title, ['env', ...settings, 'kubectl']);
  }

  argv(...args: readonly string[]): string[] {
    return [...this.#program, ...args];
  }

  /** Runs it to its end, whatever its exit code. */
  attempt(...args: readonly string[]): Promise<Outcome> {
    return attempt(this.argv(...args));
  }

  /** Its stdout; rejects with its words when it fails. */
  async run(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.attempt(...args);
    if (exitCode !== 0)
      throw new Error(`kubectl ${args.join(' ')} ended with ${exitCode}: ${stderr}${stdout}`);
    return stdout;
  }
}

/** Every kubectl that there is. */
export function allKubectls(): Kubectl[] {
  const old = Kubectl.old();
  return [Kubectl.websocket, Kubectl.spdy, ...(old === undefined ? [] : [old])];
}

/** Every kubectl of this process comes to the API server as the kubeconfig says; what it keeps goes below `root`. */
export function useKubeconfig(kubeconfig: string, root: string): void {
  process.env['KUBECONFIG'] = kubeconfig;
  process.env['KUBECACHEDIR'] = join(root, 'kubectl-cache');
}
