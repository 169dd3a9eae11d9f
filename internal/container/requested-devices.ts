// Which devices a container gets: the administrator's for all, those that its pod asks for by annotation, and the request's.

import { type DeviceText, parseDeviceText } from '../config/device-text.ts';
import { DaemonError } from '../errors/daemon-error.ts';
import type { ContainerDevice } from './container-config.ts';
import { badFeature, featureNames, type PodFeatures } from './pod-features.ts';

export interface DeviceRules {
  readonly additionalDevices: readonly DeviceText[];
  /** Host paths that the annotation may name. */
  readonly allowedDevices: readonly string[];
}

/** All of them, those of the request last: they win where two have one path. One bad entry refuses the container. */
export function requestedDevices(
  requested: readonly ContainerDevice[],
  features: PodFeatures,
  { additionalDevices, allowedDevices }: DeviceRules,
): ContainerDevice[] {
  return [...additionalDevices, ...annotatedDevices(features, allowedDevices), ...requested];
}

function annotatedDevices(features: PodFeatures, allowedDevices: readonly string[]): DeviceText[] {
  const value = features.value('devices');
  if (value === undefined || value.trim() === '') return [];
  return value.split(',').map((item) => {
    const device = parseDeviceText(item.trim());
    if (device === undefined)
      throw badFeature(
        'devices',
        value,
        'a list of HOST:CONTAINER:PERMISSIONS such as /dev/fuse:/dev/fuse:rw',
      );
    if (allowedDevices.includes(device.hostPath)) return device;
    const text = `device "${device.hostPath}" of annotation ${featureNames.devices[0]}`;
    throw new DaemonError('permission-denied', `${text} is not one of allowed_devices in [crio.runtime]`);
  });
}
