// [crio]: where images, containers and the daemon's own marks are kept.

import { absolutePath, anyPath, optionalPath, text, textList } from './checked-types.ts';
import { done } from './option.ts';
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
    'Options of the storage driver: overlay.mountopt, overlay.imagestore (an additional, read-only store), root-auto-userns-user (whose ids are for the annotation userns-mode.crio.io). Others have no effect, which is logged. The lists of several files are joined, after the options of storage.conf.',
    { flag: 'storage-opt', appends: true },
  ),
  log_dir: done(
    absolutePath,
    '/var/log/crio/pods',
    'Directory of container logs for pods whose request names none; the kubelet always names one.',
  ),
  version_file: done(
    anyPath,
    '/var/run/crio/version',
    'Mark on a tmpfs, written at each start. Its absence means that the node was booted since.',
  ),
  version_file_persist: done(
    anyPath,
    '',
    'Mark on disk, written at each start for tools that look at it. cria wipes no image because of another version. Empty: none.',
  ),
  clean_shutdown_file: done(
    anyPath,
    '/var/lib/crio/clean.shutdown',
    'Mark on disk, written after everything was synced at an orderly stop. Its absence after a boot means that the power was lost: then the content of the layers that other tools stored last is checked. Empty: none.',
  ),
  internal_wipe: done(
    booleanType,
    true,
    'At the first start after a boot, remove from the store the containers of which nothing else is left. Pods and containers that the daemon knows stay for the kubelet to remove, and images are never wiped.',
  ),
  internal_repair: done(
    booleanType,
    true,
    'Look for damage in the image store at each start: mend links, and unlist the images whose layers or documents are damaged until they are pulled again. Nothing good is ever removed.',
  ),
};
