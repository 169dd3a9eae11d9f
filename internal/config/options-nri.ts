// [crio.nri] and [crio.checkpoint_restore].

import { anyPath, duration, text, textList } from './checked-types.ts';
import { later, type TableOption } from './option.ts';
import { booleanType, wordType } from './value-type.ts';

const validatorOptions = {
  nri_enable_default_validator: later(booleanType, false, 'Check what plugins change by the rules below.'),
  nri_validator_reject_oci_hook_adjustment: later(booleanType, false, 'Refuse OCI hooks.'),
  nri_validator_reject_runtime_default_seccomp_adjustment: later(
    booleanType,
    false,
    'Refuse a change of the default seccomp profile.',
  ),
  nri_validator_reject_unconfined_seccomp_adjustment: later(
    booleanType,
    false,
    'Refuse a seccomp profile for a container that asked for none.',
  ),
  nri_validator_reject_custom_seccomp_adjustment: later(
    booleanType,
    false,
    "Refuse a change of a container's own seccomp profile.",
  ),
  nri_validator_reject_namespace_adjustment: later(booleanType, false, 'Refuse a change of namespaces.'),
  nri_validator_required_plugins: later(textList, [], 'Plugins without which no container is created.'),
  nri_validator_tolerate_missing_plugins_annotation: later(
    text,
    '',
    'Annotation by which a pod can do without the required plugins.',
  ),
};

const validator: TableOption<typeof validatorOptions> = {
  kind: 'table',
  options: validatorOptions,
  doc: 'Limits to what NRI plugins may change.',
};

export const nriOptions = {
  enable_nri: later(booleanType, true, 'Let Node Resource Interface plugins take part.'),
  nri_listen: later(anyPath, '/var/run/nri/nri.sock', 'Socket to which plugins connect.'),
  nri_plugin_dir: later(
    anyPath,
    '/opt/nri/plugins',
    'Directory of plugins that are started with the daemon.',
  ),
  nri_plugin_config_dir: later(anyPath, '/etc/nri/conf.d', "Directory of those plugins' configurations."),
  nri_plugin_registration_timeout: later(duration, '5s', 'Time in which a started plugin must register.'),
  nri_plugin_request_timeout: later(duration, '2s', 'Time in which a plugin must answer.'),
  nri_disable_connections: later(booleanType, false, 'Take no connections from plugins started by others.'),
  default_validator: validator,
};

export const checkpointOptions = {
  container_level_enabled: later(
    wordType('none', 'checkpoint_only', 'checkpoint_restore'),
    'checkpoint_restore',
    'What of checkpoint and restore is allowed. Without criu in PATH: none.',
  ),
};
