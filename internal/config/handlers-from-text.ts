// Runtime handlers on the command line: `--runtimes name:path:root:type:privileged_without_host_devices:config:memory`.

import type { Problem } from './config-error.ts';
import { defaultsOf } from './option.ts';
import { sections } from './options.ts';
import type { Setting } from './setting.ts';

const handlerOptions = sections.runtime.options.runtimes.options;

/** One setting for each text; name and path must be there. What is wrong is added to `problems`. */
export function handlersFromText(texts: readonly string[], source: string, problems: Problem[]): Setting[] {
  const key = 'crio.runtime.runtimes';
  return texts.flatMap((text) => {
    const [name = '', path, root = '', type = '', privileged = '', config = '', memory = ''] = text
      .trim()
      .split(':');
    const withoutDevices =
      privileged === '' ? false : handlerOptions.privileged_without_host_devices.type.fromText(privileged);
    const runtimeType = type === '' ? 'oci' : type;
    if (name === '' || path === undefined || withoutDevices === undefined) {
      const reason = `"${text}" is not of the form name:path[:root[:type[:true|false[:config[:memory]]]]]`;
      problems.push({ source, key, reason });
      return [];
    }
    const defaults = defaultsOf(handlerOptions);
    const value = {
      ...defaults,
      runtime_path: path,
      runtime_root: root,
      runtime_type: runtimeType,
      privileged_without_host_devices: withoutDevices,
      runtime_config_path: config,
      container_min_memory: memory === '' ? defaults.container_min_memory : memory,
    };
    return [{ key: `${key}.${name}`, value, source }];
  });
}
