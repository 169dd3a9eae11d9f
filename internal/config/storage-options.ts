// `storage_option`: options of the overlay driver, as podman's `--storage-opt` and CRI-O have them.

import { isAbsolute } from 'node:path';

export interface StorageOptions {
  /** Roots of stores that are only read. */
  readonly additionalStores: readonly string[];
  /** Comma-separated. */
  readonly mountOptions: string;
  readonly transient: boolean;
  /** Whose ids of /etc/subuid and /etc/subgid are for user namespaces that the node chooses. */
  readonly autoUserNamespaceUser: string;
  /** What has no effect, and why. */
  readonly warnings: readonly { readonly key: string; readonly reason: string }[];
}

/** Of storage.conf, as podman and CRI-O have it. */
export const autoUserKey = 'root-auto-userns-user';

/** Options that ask for what is done anyway, or concern other tools only. */
const needless = new Set(['skip_mount_home', 'sync', 'override_kernel_check', 'use_native_diff']);
const reasons: Readonly<Record<string, string>> = {
  size: 'ignored: there are no quotas, a container may fill the file system of the store',
  inodes: 'ignored: there are no quotas, a container may use all inodes of the store',
  mount_program: "ignored: containers are mounted by the kernel's overlay",
  ignore_chown_errors: 'ignored: a layer whose owners cannot be set is refused',
  force_mask: 'ignored: files of layers have the modes that their image says',
  use_composefs: 'ignored: layers are directories',
  additionallayerstore: 'ignored: there is no lazy pulling',
};
const switchedOff = new Set(['', 'false', '0']);

/** Later values of an option replace earlier ones; the additional stores add up. */
export function storageOptions(list: readonly string[]): StorageOptions {
  const additionalStores: string[] = [];
  const warnings: { key: string; reason: string }[] = [];
  let mountOptions = '';
  let transient = false;
  let autoUserNamespaceUser = 'containers';
  for (const item of list) {
    const at = item.indexOf('=');
    const key = (at < 0 ? item : item.slice(0, at)).trim();
    const value = at < 0 ? 'true' : item.slice(at + 1).trim();
    const name = key.toLowerCase().replace(/^(?:overlay)?\./, '');
    if (name === 'mountopt') mountOptions = value;
    else if (name === 'transient_store') transient = value === 'true';
    else if (name === autoUserKey) autoUserNamespaceUser = value;
    else if (name === 'imagestore' || name === 'additionalimagestore') {
      const stores = value.split(',').filter((path) => path !== '');
      additionalStores.push(...stores.filter(isAbsolute));
      for (const path of stores.filter((each) => !isAbsolute(each)))
        warnings.push({ key, reason: `ignored: "${path}" is not an absolute path` });
    } else if (!needless.has(name) && !(name in reasons && switchedOff.has(value)))
      warnings.push({ key, reason: reasons[name] ?? 'ignored: no such option is known' });
  }
  return {
    additionalStores: [...new Set(additionalStores)],
    mountOptions,
    transient,
    autoUserNamespaceUser,
    warnings,
  };
}
