// [cria]: what CRI-O has no key for.

import { absolutePath, duration, optionalPath, socketDirectory } from './checked-types.ts';
import { done } from './option.ts';
import { wordType } from './value-type.ts';

export const criaOptions = {
  run_dir: done(
    socketDirectory,
    '/run/cria',
    'Directory on a tmpfs, mode 0700: bundles, container status and the sockets of the monitors.',
  ),
  data_dir: done(
    absolutePath,
    '/var/lib/cria',
    'Directory on disk, mode 0700: what pods and containers are made of, and exit records.',
  ),
  runtime_name: done(
    wordType('cria', 'cri-o'),
    'cria',
    'Name told to the kubelet, which puts it before every container ID ("cria://..."). "cri-o" is for nodes whose tools parse that; never change it while the node has pods.',
  ),
  monitor_path: done(optionalPath, '', 'Monitor program. Empty: the one built with cria.'),
  pause_path: done(optionalPath, '', 'Pause program. Empty: the one built with cria.'),
  registries_conf: done(
    absolutePath,
    '/etc/containers/registries.conf',
    'Registries, mirrors and short names, in the form of containers-registries.conf(5), with the drop-ins of <path>.d; read again when a file has changed. The directories beside it say which certificates to trust (certs.d, before that of /etc/docker) and where signatures are (registries.d).',
    { env: 'CONTAINERS_REGISTRIES_CONF' },
  ),
  cni_add_timeout: done(
    duration,
    '220s',
    "Time for ADD of all plugins of a pod's network; a plugin that takes longer is killed. The kubelet gives up a pod after 240 s.",
  ),
  cni_del_timeout: done(
    duration,
    '60s',
    "Time for DEL of all plugins of a pod's network. One that fails is tried again in the background.",
  ),
  log_format: done(wordType('text', 'json'), 'text', "Form of the daemon's log on standard error."),
};
