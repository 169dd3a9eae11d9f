// How a kubelet of the tests is configured, without an API server or with one.

import { join } from 'node:path';
import type { CertificateFiles } from '../harness/certificates.ts';
import { nodeAddress } from './host-state.ts';

/** What a kubelet with an API server has. */
export interface NodeIdentity {
  /** Where the API server is, and as whom the kubelet comes to it. */
  readonly kubeconfig: string;
  /** Of the kubelet's own server. */
  readonly server: CertificateFiles;
  /** The certificate of who signs for the clients of that server. */
  readonly clientAuthority: string;
}

export interface KubeletSetup {
  /** Holds everything but the manifests' volumes. */
  readonly root: string;
  /** The runtime's socket. */
  readonly socket: string;
  /** An existing cgroup, below which the pods' cgroups are made. */
  readonly cgroupRoot: string;
  /** Without it the kubelet has no API server, and its server serves everybody. */
  readonly node?: NodeIdentity | undefined;
}

/** The name of the node. */
export const nodeName = 'node1';
// The run has a network of its own, so that these are free.
export const readOnlyPort = 10_255;
export const serverPort = 10_250;

function identitySettings({ root, node }: KubeletSetup): object {
  if (node === undefined)
    return {
      staticPodPath: join(root, 'manifests'),
      authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
      authorization: { mode: 'AlwaysAllow' },
      address: '127.0.0.1',
    };
  return {
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: node.clientAuthority },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: node.server.certificate,
    tlsPrivateKeyFile: node.server.key,
    address: '0.0.0.0', // the read-only port with it: only the run's own network sees them
    clusterDNS: [],
  };
}

/** The content of its configuration file. */
export function kubeletSettings(setup: KubeletSetup): object {
  const { root, socket, cgroupRoot } = setup;
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${socket}`,
    podLogsDir: join(root, 'logs'),
    fileCheckFrequency: '1s',
    readOnlyPort,
    port: serverPort,
    ...identitySettings(setup),
    cgroupDriver: 'cgroupfs',
    cgroupRoot,
    failCgroupV1: false,
    failSwapOn: false,
    resolvConf: join(root, 'resolv.conf'),
    // A full disk of the machine is not what is tested.
    evictionHard: { 'memory.available': '1Mi', 'nodefs.available': '0%', 'imagefs.available': '0%' },
    imageGCHighThresholdPercent: 100,
    containerLogMaxSize: '20Ki',
    containerLogMaxFiles: 3,
    containerLogMonitorInterval: '3s',
  };
}

/** Its command line; the configuration lies in `kubelet.json` of its root. */
export function kubeletArgv({ root, node }: KubeletSetup): string[] {
  return [
    'kubelet',
    `--config=${join(root, 'kubelet.json')}`,
    `--root-dir=${join(root, 'state')}`,
    `--cert-dir=${join(root, 'state/pki')}`,
    `--hostname-override=${nodeName}`,
    // Else it asks the name servers for its name, which takes them 10 s, again and again.
    `--node-ip=${nodeAddress}`,
    ...(node === undefined ? [] : [`--kubeconfig=${node.kubeconfig}`]),
    '--v=2',
  ];
}
