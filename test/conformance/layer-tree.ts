// A layer put together file by file. The same files give the same bytes, so that images have the same digests on every
// run and many of them share their layers.

import { readFileSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { type TarItem, tarArchive } from '../fixtures/tar-builder.ts';

export class LayerTree {
  readonly #items: TarItem[] = [];
  readonly #directories = new Set<string>(['.', '']);

  /** A directory with those above it; one that is there already stays as it is. Paths are relative to the root. */
  directory(name: string, mode = 0o755): this {
    if (this.#directories.has(name)) return this;
    this.directory(dirname(name));
    this.#directories.add(name);
    this.#items.push({ name: `${name}/`, type: '5', mode });
    return this;
  }

  file(name: string, content: string | Uint8Array, mode = 0o644): this {
    return this.#below(name, { name, content: Buffer.from(content), mode });
  }

  /** The file of this machine, its content if it is a link. */
  copy(name: string, source: string): this {
    return this.file(name, readFileSync(realpathSync(source)), 0o755);
  }

  symlink(name: string, target: string): this {
    return this.#below(name, { name, type: '2', linkName: target, mode: 0o777 });
  }

  /** Another name of a file that was added before. */
  hardLink(name: string, target: string): this {
    return this.#below(name, { name, type: '1', linkName: target, mode: 0o755 });
  }

  #below(name: string, item: TarItem): this {
    this.directory(dirname(name));
    this.#items.push(item);
    return this;
  }

  tar(): Buffer {
    return tarArchive(this.#items);
  }
}
