// What the kernel remembers of UDP: it leads a sender's packets as it led the first one, as long as they keep coming. A
// sender that was there before the rules, or before the pod was replaced, would never reach the pod.

import type { Logger } from '../log/logger.ts';
import type { CommandRunner } from '../process/command-runner.ts';
import { ProcessError } from '../process/process-error.ts';
import { findPlugin } from './cni-plugin.ts';
import { hostPorts } from './host-port-claims.ts';
import type { HostPortRequest } from './pod-network.ts';
import { programDirectories } from './program-directories.ts';

const timeoutMs = 10_000;

/**
 * Makes the kernel forget the flows to a pod's UDP host ports; each begins anew with its next packet. Does not reject, and
 * does nothing where the program `conntrack` is not installed: then a flow is led anew when it has paused for 2 minutes.
 */
export async function forgetUdpFlows(
  pod: HostPortRequest,
  runner: CommandRunner,
  log: Logger,
): Promise<void> {
  const ports = new Set(
    hostPorts(pod).flatMap(({ protocol, hostPort }) => (protocol === 'udp' ? [hostPort] : [])),
  );
  if (ports.size === 0) return;
  const program = await findPlugin('conntrack', programDirectories);
  if (program === undefined) return;
  for (const port of ports) {
    for (const family of ['ipv4', 'ipv6']) {
      const argv = [program, '-D', '-f', family, '-p', 'udp', '--orig-port-dst', String(port)];
      await runner.run(argv, { timeoutMs }, new AbortController().signal).catch((cause: unknown) => {
        // it fails also when there was nothing to delete
        const words = cause instanceof ProcessError ? cause.failure.stderr : String(cause);
        if (!/\b0 flow entries/.test(words))
          log.warn({ port, error: words.trim() }, 'cannot delete UDP flows');
      });
    }
  }
}
