// A CNI plugin at the end of a daemon's chain that does what a test says.

import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../../../test/fixtures/cni/pass-plugin', import.meta.url));

export class ScriptedPlugin {
  readonly type = 'scripted';
  readonly directory = mkdtempSync(join(tmpdir(), 'cria-plugin-'));

  /** Installs the plugin in a directory of its own. Must be destroyed. */
  constructor() {
    copyFileSync(source, join(this.directory, this.type));
    chmodSync(join(this.directory, this.type), 0o755);
  }

  /** Makes the plugin run `script` at `command`; it may exit, and finds the request in $stdin. */
  at(command: 'ADD' | 'DEL' | 'STATUS' | 'GC', script: string): void {
    writeFileSync(this.#scriptOf(command), `${script}\n`);
  }

  /** Makes the plugin harmless again. */
  mend(): void {
    for (const command of ['ADD', 'DEL', 'STATUS', 'GC']) rmSync(this.#scriptOf(command), { force: true });
  }

  destroy(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  #scriptOf(command: string): string {
    return join(this.directory, `${this.type}.${command}`);
  }
}
