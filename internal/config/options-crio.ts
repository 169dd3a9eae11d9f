// [crio]: where images, containers and the daemon's own marks are kept.

import { absolutePath, anyPath, optionalPath, text, textList } from './checked-types.ts';
import { done, later } from './option.ts';
import { booleanType } from './value-type.ts';

export const crioOptions = {
  root: done(
    absolutePath,
    '/var/lib/containers/storage',
    'Directory of images and containers, shared with podman, skopeo and buildah. Without a value here, what storage.conf says.',
    { aliases: ['r'], emptyKeeps: true },
  ),
  runroot: done(
    absolutePath,
    '/run/containers/storage',
    'Directory of state that need not survive a reboot. Without a value here, what storage.conf says.',
    { emptyKeeps: true },
  ),
  imagestore: done(
    optionalPath,
    '',
    'Directory for images and their layers, if they are to be on another file system than the containers. Without a value here, what storage.conf says.',
    { emptyKeeps: true },
  ),
  storage_driver: done(
    text,
    'overlay',
    'Storage driver; overlay is the only one supported. Without a value here, what storage.conf says.',
    { aliases: ['s'], emptyKeeps: true },
  ),
  storage_option: done(
    textList,
    [],
    'Options of the storage driver: overlay.mountopt, overlay.imagestore (an additional, read-only store). Others have no effect, which is logged. The lists of several files are joined, after the options of storage.conf.',
    { flag: 'storage-opt', appends: true },
  ),
  log_dir: done(
    absolutePath,
    '/var/log/crio/pods',
    'Directory of container logs for pods whose request names none; the kubelet always names one.',
  ),
  version_file: later(
    anyPath,
    '/var/run/crio/version',
    'Mark on a tmpfs, written at each start. Its absence means that the node was rebooted.',
  ),
  version_file_persist: later(
    anyPath,
    '',
    'Mark on disk: when it names an older minor version, images are wiped at the start. Empty: never.',
  ),
  clean_shutdown_file: later(
    anyPath,
    '/var/lib/crio/clean.shutdown',
    'Mark on disk, written after everything was synced at an orderly stop. Its absence at the start means an unclean one.',
  ),
  internal_wipe: later(
    booleanType,
    true,
    'Remove the containers of before a reboot when the daemon starts. Deprecated by CRI-O; only true is supported.',
  ),
  internal_repair: done(
    booleanType,
    true,
    'Look for damage in the image store at each start: mend links, and unlist the images whose layers or documents are damaged until they are pulled again. Nothing good is ever removed.',
  ),
};
