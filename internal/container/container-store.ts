// The containers in memory, also by the sandbox that they are of: a node may have hundreds, and each pod asks for its few.

import { RecordStore } from '../records/record-store.ts';
import type { Container } from './container.ts';

export class ContainerStore extends RecordStore<Container> {
  readonly #bySandbox = new Map<string, Set<Container>>();

  constructor() {
    super('container');
  }

  override add(container: Container): void {
    const { sandboxId } = container.metadata;
    super.add(container);
    const members = this.#bySandbox.get(sandboxId) ?? new Set();
    this.#bySandbox.set(sandboxId, members.add(container));
  }

  override delete(container: Container): void {
    const { sandboxId } = container.metadata;
    super.delete(container);
    const members = this.#bySandbox.get(sandboxId);
    members?.delete(container);
    if (members?.size === 0) this.#bySandbox.delete(sandboxId);
  }

  /** The visible containers of a sandbox, the oldest first; a copy of the moment. */
  ofSandbox(sandboxId: string): Container[] {
    return [...(this.#bySandbox.get(sandboxId) ?? [])];
  }
}
