// The images of the store as CRI shows them. List and Status are answered from memory; the one thing that is not in the
// store's records, the config's user, is read once per image.

import type { Logger } from '../log/logger.ts';
import {
  completeReference,
  formatReference,
  formatRepository,
  parseReference,
  type Reference,
} from '../registry/reference.ts';
import type { ShortNames } from '../registry/registry.ts';
import type { ImageRecords, StoredImage } from '../storage/store.ts';
import { parseImageConfig } from './image-config.ts';
import { type ImageUser, shownImageUser } from './image-user.ts';
import type { Image } from './images.ts';
import type { IsPinned } from './pinned-images.ts';
import { candidatesOf } from './short-names.ts';

/** Hosts under which a short name is also looked for: other tools store their own images there. */
const fallbackHosts = ['localhost', 'docker.io'];

export interface CatalogParts {
  readonly records: ImageRecords;
  readonly shortNames: ShortNames;
  readonly logger: Logger;
}

/** Lists and finds images. An image that another tool stored appears when its config has been read. */
export class ImageCatalog {
  readonly #parts: CatalogParts;
  readonly #users = new Map<string, ImageUser>();
  readonly #learning = new Map<string, Promise<void>>();
  #isPinned: IsPinned;

  constructor(parts: CatalogParts, isPinned: IsPinned) {
    this.#parts = parts;
    this.#isPinned = isPinned;
  }

  /** Replaces the rule by which images are shown as pinned. */
  setPinned(isPinned: IsPinned): void {
    this.#isPinned = isPinned;
  }

  /** Looks for what other processes changed, and knows every image when it resolves. */
  async refresh(): Promise<void> {
    await this.#parts.records.refresh();
    const stored = this.#parts.records.list();
    const ids = new Set(stored.map(({ id }) => id));
    for (const id of this.#users.keys()) if (!ids.has(id)) this.#users.delete(id);
    await Promise.all(stored.map((image) => this.#learn(image.id)));
  }

  /** Tells the user of an image that has just been recorded, so that it is listed at once. */
  announce(imageId: string, userField: string): void {
    this.#users.set(imageId, shownImageUser(userField));
  }

  list(): readonly Image[] {
    return this.#parts.records.list().flatMap((stored) => this.#shown(stored) ?? []);
  }

  find(reference: string): Image | undefined {
    const stored = this.findStored(reference);
    return stored === undefined ? undefined : this.#shown(stored);
  }

  /**
   * Looks for a whole id, then for a name or digest, then for a unique id prefix. Names come before prefixes: an id
   * can be chosen by who builds an image, and must not take over a name such as `cafe`.
   */
  findStored(reference: string): StoredImage | undefined {
    const id = reference.replace(/^sha256:/, '');
    if (/^[0-9a-f]{64}$/.test(id)) return this.#parts.records.get(id);
    const images = this.#parts.records.list();
    for (const candidate of this.#meanings(reference)) {
      const found = images.find((image) => isNamed(image, candidate));
      if (found !== undefined) return found;
    }
    if (!/^[0-9a-f]{3,63}$/.test(id)) return undefined;
    const matching = images.filter((image) => image.id.startsWith(id));
    return matching.length === 1 ? matching[0] : undefined;
  }

  /**
   * The names under which somebody who wrote `written` runs the image: a full name as it is, of a short one what the image
   * is called, for an id or nothing all names of the image.
   */
  referencesFor(image: StoredImage, written: string): readonly Reference[] {
    const own = referencesOf(image);
    const parsed = parseReference(written);
    if (parsed === undefined || image.id.startsWith(written)) return own;
    const meanings = this.#meanings(written);
    if (parsed.host !== undefined) return meanings;
    const meant = meanings.filter((meaning) => isNamed(image, meaning));
    return meant.length > 0 ? meant : own;
  }

  /** The tag of this image that `written` means; undefined when it means the image in another way. */
  tagMeantBy(imageId: string, written: string): string | undefined {
    const image = this.#parts.records.get(imageId);
    const meant = this.#meanings(written).filter(({ version }) => 'tag' in version);
    return meant.map(formatReference).find((name) => image?.names.includes(name));
  }

  #meanings(text: string): Reference[] {
    const written = parseReference(text);
    if (written === undefined) return [];
    const candidates = candidatesOf(written, this.#parts.shortNames);
    if (written.host !== undefined) return candidates;
    return [...candidates, ...fallbackHosts.map((host) => completeReference(written, host))];
  }

  #shown(stored: StoredImage): Image | undefined {
    const user = this.#users.get(stored.id);
    if (user === undefined) {
      void this.#learn(stored.id);
      return undefined;
    }
    const { repoTags, repoDigests } = shownNames(stored);
    const { id, sizeBytes, createdAt } = stored;
    const pinned = this.#isPinned([...repoTags, ...repoDigests]);
    return { id, repoTags, repoDigests, sizeBytes, createdAt, ...user, pinned };
  }

  #learn(imageId: string): Promise<void> {
    if (this.#users.has(imageId)) return Promise.resolve();
    const running = this.#learning.get(imageId);
    if (running !== undefined) return running;
    const started = this.#readUser(imageId).finally(() => this.#learning.delete(imageId));
    this.#learning.set(imageId, started);
    return started;
  }

  async #readUser(imageId: string): Promise<void> {
    try {
      const { config } = parseImageConfig(await this.#parts.records.readConfig(imageId));
      this.announce(imageId, config.user);
    } catch (cause) {
      // Still listed, as root: an image that is never shown is never collected either.
      this.announce(imageId, '');
      this.#parts.logger.warn({ imageId, err: cause }, 'image has no readable config');
    }
  }
}

/** Tags and digests, each sorted, so that two answers about one image are equal. */
function shownNames(stored: StoredImage): { repoTags: string[]; repoDigests: string[] } {
  const tags = new Map<string, string>();
  const digests = new Map<string, string>();
  for (const reference of referencesOf(stored)) {
    const repository = formatRepository(reference.repository);
    ('digest' in reference.version ? digests : tags).set(formatReference(reference), repository);
  }
  // Other tools record only the tag; a client that asks by digest needs one for each repository.
  const known = new Set(digests.values());
  for (const repository of tags.values()) {
    if (!known.has(repository) && stored.manifestDigest !== undefined) {
      digests.set(`${repository}@${stored.manifestDigest}`, repository);
    }
  }
  return { repoTags: [...tags.keys()].sort(), repoDigests: [...digests.keys()].sort() };
}

function isNamed(stored: StoredImage, wanted: Reference): boolean {
  const text = formatReference(wanted);
  const references = referencesOf(stored);
  if (references.some((reference) => formatReference(reference) === text)) return true;
  // The digest of the platform's manifest is good as well, where the list's digest is the recorded one.
  const repository = formatRepository(wanted.repository);
  const isStoredDigest = 'digest' in wanted.version && wanted.version.digest === stored.manifestDigest;
  return (
    isStoredDigest && references.some((reference) => formatRepository(reference.repository) === repository)
  );
}

function referencesOf(stored: StoredImage): Reference[] {
  return stored.names.flatMap((name) => {
    const written = parseReference(name);
    return written?.host === undefined ? [] : completeReference(written, written.host);
  });
}
