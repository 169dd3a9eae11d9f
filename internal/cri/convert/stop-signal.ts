// Between the CRI's Signal enum and signal names as images write them: `SIGTERM`, `SIGRTMIN+3`.

import { Signal, type Signal__Output } from '../gen/runtime/v1/Signal.ts';
import { fromEnum } from './fields.ts';

const nameOf: Readonly<Record<string, string>> = Object.fromEntries(
  Object.keys(Signal).map((value) => [
    value,
    value === 'RUNTIME_DEFAULT' ? '' : value.replace('MINPLUS', 'MIN+').replace('MAXMINUS', 'MAX-'),
  ]),
);
const valueOfName: ReadonlyMap<string, Signal__Output> = new Map(
  Object.values(Signal).map((value) => [nameOf[value] ?? '', value]),
);

/** The signal's name, empty for RUNTIME_DEFAULT. */
export function stopSignal(value: Signal__Output): string {
  return fromEnum(nameOf, value, 'config.stop_signal');
}

/** The enum value of a name; RUNTIME_DEFAULT for one that the enum does not have. */
export function stopSignalToMessage(name: string): Signal__Output {
  return valueOfName.get(name) ?? 'RUNTIME_DEFAULT';
}
