// Makes the files of a layer. Runs in a thread whose root directory is the layer's `diff`, so no link and no name can
// lead out of it; every call is synchronous for that reason. New files are made with O_EXCL, never opened.

import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { errnoCode } from '../../errors/errno.ts';
import {
  deviceNumber,
  type FileTimes,
  makeNode,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  setTimes,
  setTimesOf,
  setXattr,
} from '../../sys/nodes.ts';
import { setXattrs, timesOf } from './entry-attributes.ts';
import { type EntryPath, entryPath, rootedPath } from './entry-path.ts';
import { ensureParents, existing, implicitDirMode, makeAt } from './entry-place.ts';
import { LayerError, shownName } from './layer-error.ts';
import type { TarEntry } from './tar-reader.ts';

const whiteoutPrefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';
/** Other aufs bookkeeping, which means nothing here. */
const aufsPrefix = '.wh..wh.';
/** Device nodes in one layer. Real images have a dozen at most. */
const maxDevices = 1024;
const createFlags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;

/** The highest id; the one above means "leave as it is" to chown(2). */
const maxOwnerId = 0xffff_fffe;

export class Extractor {
  readonly #maxPathBytes: number;
  readonly #paths = new Set<string>();
  readonly #directoryTimes: { path: Buffer; times: FileTimes }[] = [];
  readonly uids = new Set<number>();
  readonly gids = new Set<number>();
  #devices = 0;
  #hasRoot = false;
  #open: { entry: TarEntry; path: Buffer; fd: number } | undefined;

  constructor(maxPathBytes: number) {
    this.#maxPathBytes = maxPathBytes;
  }

  /** Whether the archive says what the root directory is like. */
  get hasRoot(): boolean {
    return this.#hasRoot;
  }

  /** Makes the entry; for a file with content, `content` and then `end` follow. */
  begin(entry: TarEntry): void {
    if ([entry.uid, entry.gid].some((id) => id < 0 || id > maxOwnerId)) {
      throw new LayerError('failed-precondition', `has entry ${shownName(entry.name)} of an invalid owner`);
    }
    this.uids.add(entry.uid);
    this.gids.add(entry.gid);
    const at = entryPath(entry.name, this.#maxPathBytes);
    this.#requireNew(entry, at);
    if (at.base.startsWith(whiteoutPrefix)) this.#whiteout(entry, at);
    else this.#create(entry, at);
  }

  /** No tool that makes a tar of the layer again, podman's push or check for one, could do it: the first content is gone. */
  #requireNew(entry: TarEntry, { path }: EntryPath): void {
    if (this.#paths.has(path)) {
      throw new LayerError('failed-precondition', `has entry ${shownName(entry.name)} twice`);
    }
    this.#paths.add(path);
  }

  #create(entry: TarEntry, at: EntryPath): void {
    if (at.path === '' && entry.type !== 'directory') {
      throw new LayerError('failed-precondition', 'has a root that is not a directory');
    }
    const path = rootedPath(at.path);
    if (entry.type === 'directory') {
      this.#directory(entry, at, path);
    } else if (entry.type === 'file') {
      this.#file(entry, at, path);
    } else {
      makeAt(at, path, () => this.#special(entry, path));
      this.#describe(entry, path);
    }
  }

  content(bytes: Buffer): void {
    if (this.#open === undefined) return; // a whiteout with content
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#open.fd, bytes, at);
  }

  end(): void {
    if (this.#open === undefined) return;
    const { entry, path, fd } = this.#open;
    this.#open = undefined;
    try {
      fchownSync(fd, entry.uid, entry.gid);
      fchmodSync(fd, entry.mode);
      setXattrs(entry, path);
      setTimesOf(fd, timesOf(entry));
    } finally {
      closeSync(fd);
    }
  }

  /** Sets what can only be set when all entries are there. */
  finish(): void {
    for (const { path, times } of this.#directoryTimes.reverse()) {
      try {
        setTimes(path, times);
      } catch (cause) {
        if (!['ENOENT', 'ENOTDIR'].includes(errnoCode(cause) ?? '')) throw cause; // a later entry replaced it
      }
    }
  }

  #file(entry: TarEntry, at: EntryPath, path: Buffer): void {
    let fd = -1;
    makeAt(at, path, () => {
      fd = openSync(path, createFlags, 0o600);
    });
    this.#open = { entry, path, fd };
  }

  #directory(entry: TarEntry, at: EntryPath, path: Buffer): void {
    if (at.path === '') this.#hasRoot = true;
    else this.#makeDirectory(at, path);
    lchownSync(path, entry.uid, entry.gid);
    chmodSync(path, entry.mode);
    setXattrs(entry, path);
    this.#directoryTimes.push({ path, times: timesOf(entry) });
  }

  /** A directory over a directory is merged; over a whiteout it hides what was below, so it is opaque. */
  #makeDirectory(at: EntryPath, path: Buffer): void {
    const before = existing(path);
    if (before?.isDirectory()) return;
    makeAt(at, path, () => mkdirSync(path, { mode: implicitDirMode }));
    if (before?.isCharacterDevice() && before.rdev === 0) this.#makeOpaque(at.path);
  }

  #special(entry: TarEntry, path: Buffer): void {
    switch (entry.type) {
      case 'symlink':
        symlinkSync(Buffer.from(entry.linkName, 'latin1'), path);
        break;
      case 'hardlink':
        this.#hardLink(entry, path);
        break;
      case 'fifo':
        makeNode(path, S_IFIFO | 0o600);
        break;
      default:
        this.#device(entry, path);
    }
  }

  #device(entry: TarEntry, path: Buffer): void {
    this.#devices += 1;
    if (this.#devices > maxDevices) {
      throw new LayerError('resource-exhausted', `has more than ${maxDevices} device nodes`);
    }
    const kind = entry.type === 'char' ? S_IFCHR : S_IFBLK;
    makeNode(path, kind | 0o600, deviceNumber(entry.deviceMajor, entry.deviceMinor));
  }

  #hardLink(entry: TarEntry, path: Buffer): void {
    const target = entryPath(entry.linkName, this.#maxPathBytes);
    const targetPath = rootedPath(target.path);
    const found = existing(targetPath);
    if (found === undefined || found.isDirectory()) {
      const what = `hard link ${shownName(entry.name)} to ${shownName(entry.linkName)}`;
      throw new LayerError('failed-precondition', `has ${what}, which is not a file of this layer`);
    }
    linkSync(targetPath, path);
  }

  /** Owner, mode, attributes and times of anything but files with content and directories. */
  #describe(entry: TarEntry, path: Buffer): void {
    const made = lstatSync(path);
    // Any chown drops the file's capabilities, and the entry of a hard link does not repeat them.
    if (made.uid !== entry.uid || made.gid !== entry.gid) lchownSync(path, entry.uid, entry.gid);
    if (!made.isSymbolicLink()) chmodSync(path, entry.mode);
    setXattrs(entry, path);
    setTimes(path, timesOf(entry));
  }

  #whiteout(entry: TarEntry, at: EntryPath): void {
    if (at.base === opaqueMarker) {
      ensureParents(at.parent);
      this.#makeOpaque(at.parent);
      return;
    }
    if (at.base.startsWith(aufsPrefix)) return;
    const base = at.base.slice(whiteoutPrefix.length);
    if (base === '' || base === '.' || base === '..') {
      throw new LayerError('failed-precondition', `has whiteout ${shownName(entry.name)} of nothing`);
    }
    const hidden = at.parent === '' ? base : `${at.parent}/${base}`;
    const path = rootedPath(hidden);
    const before = existing(path);
    // OCI: a whiteout hides what lower layers have, never an entry of its own layer.
    if (before?.isDirectory()) this.#makeOpaque(hidden);
    if (before !== undefined) return;
    try {
      makeAt({ path: hidden, parent: at.parent, base }, path, () => makeNode(path, S_IFCHR));
      lchownSync(path, entry.uid, entry.gid);
    } catch (cause) {
      if (errnoCode(cause) !== 'ENOTDIR') throw cause; // the parent itself is whited out
    }
  }

  #makeOpaque(path: string): void {
    setXattr(rootedPath(path), 'trusted.overlay.opaque', Buffer.from('y'));
  }
}
