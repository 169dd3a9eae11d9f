// RPCs that the interface has and this version does not do. Kubelet and crictl understand the code UNIMPLEMENTED.

import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';

/** Answers that name the call; in the form that serves unary and streaming calls alike. */
export function unimplemented(names: readonly string[]): UntypedServiceImplementation {
  return Object.fromEntries(names.map((name) => [name, (...args: unknown[]) => refuse(name, args)]));
}

function refuse(name: string, [call, done]: unknown[]): void {
  const failure = { code: status.UNIMPLEMENTED, details: `${name} is not supported by this version of cria` };
  if (typeof done === 'function') done(failure);
  else (call as { emit(event: 'error', failure: object): void }).emit('error', failure);
}
