// What the configuration says of devices, workloads and files for every container.

import { parseDeviceText } from '../../internal/config/device-text.ts';
import type { Config } from '../../internal/config/options.ts';
import type { ContainerDefaults } from '../../internal/container/container-parts.ts';
import type { Workload } from '../../internal/container/workloads.ts';

const usualMountsFiles = ['/etc/containers/mounts.conf', '/usr/share/containers/mounts.conf'];

export function containerRules({
  runtime,
}: Config): Pick<ContainerDefaults, 'workloads' | 'devices' | 'mountsFiles'> {
  const { allowed_devices: allowedDevices, additional_devices, default_mounts_file } = runtime;
  const additionalDevices = additional_devices.flatMap((text) => parseDeviceText(text) ?? []);
  return {
    workloads: workloadsOf(runtime.workloads),
    devices: { allowedDevices, additionalDevices },
    mountsFiles: default_mounts_file === '' ? usualMountsFiles : [default_mounts_file],
  };
}

function workloadsOf(table: Config['runtime']['workloads']): Workload[] {
  return Object.entries(table).map(([name, workload]) => ({
    name,
    activationAnnotation: workload.activation_annotation,
    annotationPrefix: workload.annotation_prefix,
    allowedAnnotations: workload.allowed_annotations,
    resources: workload.resources,
  }));
}
