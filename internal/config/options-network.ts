// [crio.network]: CNI.

import { anyPath, duration, pathList, text } from './checked-types.ts';
import { done } from './option.ts';

export const networkOptions = {
  cni_default_network: done(
    text,
    '',
    'Name of the CNI network of pods. Empty: the first by file name in network_dir.',
  ),
  network_dir: done(anyPath, '/etc/cni/net.d/', 'Directory of CNI network configurations.', {
    flag: 'cni-config-dir',
  }),
  plugin_dirs: done(pathList, ['/opt/cni/bin/'], 'Directories of CNI plugins, searched in this order.', {
    flag: 'cni-plugin-dir',
  }),
  plugin_dir: done(anyPath, '', 'Deprecated by CRI-O: one more directory for plugin_dirs.', {
    flag: false,
    env: false,
  }),
  cni_status_grace_period: done(
    duration,
    '0s',
    'Time for which failures of STATUS are tolerated, by plugins that were good before. Plugins that speak version 1.1 of the specification are asked every 5 s.',
    { env: 'CNI_STATUS_GRACE_PERIOD' },
  ),
};
