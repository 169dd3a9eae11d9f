// gVisor as a runtime handler of a test's daemon.

import { findProgram } from '../harness/command.ts';

/**
 * A virtual machine or a container, as tests run in one, has not always KVM. The pod's network is used through the host's
 * stack: older releases of gVisor's own do not come up on newer kernels.
 */
export const gvisorHandler = {
  name: 'gvisor',
  path: findProgram('runsc') ?? 'runsc',
  toml: 'runtime_args = ["--platform=ptrace", "--network=host"]',
};
