// [crio.image]: where images come from and which are kept.

import { absolutePath, anyPath, duration, text, textList } from './checked-types.ts';
import { done, later, unused } from './option.ts';
import { booleanType, wordType } from './value-type.ts';

const pullOptions = {
  default_transport: unused(
    text,
    'docker://',
    'Transport of image names without one; no other is supported.',
  ),
  global_auth_file: done(
    anyPath,
    '',
    "Registry credentials for all pulls, in the form of docker's config.json. Read at each pull.",
  ),
  namespaced_auth_dir: done(
    absolutePath,
    '/etc/crio/auth',
    'Directory of credentials for one pull of one namespace: NAMESPACE-SHA256.json, as crio-credential-provider writes them; each is deleted when it is used.',
  ),
  insecure_registries: unused(
    textList,
    [],
    'Registries without TLS or with an unknown certificate. Mark them insecure in registries.conf instead.',
    { flag: 'insecure-registry' },
  ),
  big_files_temporary_dir: unused(
    anyPath,
    '',
    'Directory for blobs while they are pulled. cria unpacks them as they come and keeps none.',
  ),
  auto_reload_registries: unused(
    booleanType,
    false,
    'Follow changes of registries.conf. cria always does, at the next pull.',
    { env: 'AUTO_RELOAD_REGISTRIES' },
  ),
  pull_progress_timeout: done(
    duration,
    '0s',
    'A pull to which the registry gives nothing for this time is given up; 0: never.',
  ),
  short_name_mode: done(
    wordType('enforcing', 'disabled'),
    'enforcing',
    'Image names without a registry: "enforcing" refuses them when several registries are possible, "disabled" tries each.',
    { emptyKeeps: true },
  ),
};

const pauseOptions = {
  pause_image: done(
    text,
    'registry.k8s.io/pause:3.10.1',
    'Image of the pause process, fully qualified; the kubelet never removes it. cria runs its own pause program.',
  ),
  pause_image_auth_file: unused(
    anyPath,
    '',
    'Registry credentials for the pause image. cria runs its own pause program and pulls no image for it.',
    { reloadable: true },
  ),
  pause_command: unused(
    text,
    '/pause',
    'Program of the pause image. cria runs its own, see pause_path in [cria].',
    {
      reloadable: true,
    },
  ),
  pinned_images: done(
    textList,
    [],
    'Images that the kubelet never removes: names, "prefix*" or "*word*", without regard to case.',
    { reloadable: true },
  ),
};

const policyOptions = {
  signature_policy: done(
    anyPath,
    '',
    'Signature policy: which images may be pulled and run, see containers-policy.json(5). Empty: /etc/containers/policy.json. It is read again when it changes; without it every image is refused.',
  ),
  signature_policy_dir: done(
    absolutePath,
    '/etc/crio/policies',
    'Directory of signature policies: NAMESPACE.json is for pods of that namespace, in place of signature_policy.',
  ),
  image_volumes: done(
    wordType('mkdir', 'bind', 'ignore'),
    'mkdir',
    "Volumes that an image declares: mkdir makes directories of the container's user in the root file system where there are none; bind mounts empty ones from run_dir of [cria] over it, where the pod mounts nothing; ignore does nothing. Those at /dev, /proc and /sys are passed over.",
    { emptyKeeps: true },
  ),
  oci_artifact_mount_support: later(booleanType, true, 'Mount OCI artifacts as image volumes.', {
    env: 'CONTAINER_OCI_ARTIFACT_SUPPORT',
  }),
};

export const imageOptions = { ...pullOptions, ...pauseOptions, ...policyOptions };
