// A policy that lets everything in, for tests of other things.

import type { ImagePolicy } from '../../internal/policy/policy.ts';

export const openPolicy: ImagePolicy = {
  admit: async () => {},
  admitUnsigned: async () => {},
  remoteSignatures: async () => [],
};
