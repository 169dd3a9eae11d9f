// An API server over an etcd, on the loopback address, with the certificates of both ends of its connections. It has no
// controllers and no scheduler: a pod says itself where it runs.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CertificateFiles, certificateFiles, TestAuthority } from '../harness/certificates.ts';
import { command } from '../harness/command.ts';
import { ServerProgram } from '../harness/server-program.ts';
import { nodeAddress } from '../kubelet/host-state.ts';
import { type NodeIdentity, nodeName } from '../kubelet/kubelet-settings.ts';
import { ApiClient } from './api-client.ts';

// The run has a network of its own, so that these are free.
const etcdAddress = 'http://127.0.0.1:2379';
const apiPort = 6443;
const apiAddress = `https://127.0.0.1:${apiPort}`;

const node = `system:node:${nodeName}`;
const organizations = {
  admin: 'system:masters',
  [node]: 'system:nodes',
  'kubelet-client': 'system:masters',
  'api-server': undefined,
  'kubelet-server': undefined,
} as const;

// Each would need a controller that is not there.
const withoutController = ['ServiceAccount', 'TaintNodesByCondition', 'DefaultStorageClass'];

const certificatesIn = (root: string): string => join(root, 'certificates');

/** What the kubelet will find of the control plane, once it has started. */
export function nodeIdentityIn(root: string): NodeIdentity {
  const folder = certificatesIn(root);
  return {
    kubeconfig: join(root, 'kubelet.kubeconfig'),
    server: certificateFiles(folder, 'kubelet-server'),
    clientAuthority: certificateFiles(folder, 'authority').certificate,
  };
}

export class ControlPlane {
  readonly #root: string;
  readonly #etcd: ServerProgram;
  readonly #server: ServerProgram;

  /** All of it lies below `root`. */
  constructor(root: string) {
    this.#root = root;
    this.#etcd = new ServerProgram(etcdArgv(root), join(root, 'etcd.log'));
    this.#server = new ServerProgram(this.#serverArgv(), join(root, 'kube-apiserver.log'));
  }

  get logFiles(): readonly string[] {
    return [this.#etcd.logFile, this.#server.logFile];
  }

  /** The kubeconfig of somebody who may do everything. */
  get kubeconfig(): string {
    return join(this.#root, 'admin.kubeconfig');
  }

  #files(name: string): CertificateFiles {
    return certificateFiles(certificatesIn(this.#root), name);
  }

  /** Resolves with a client when the API server is ready. */
  async start(): Promise<ApiClient> {
    await this.#makeCertificates();
    writeFileSync(this.kubeconfig, this.#kubeconfigOf('admin'));
    writeFileSync(nodeIdentityIn(this.#root).kubeconfig, this.#kubeconfigOf(node));
    await this.#etcd.start(async () => (await fetch(`${etcdAddress}/health`)).ok);
    const client = new ApiClient(apiAddress, this.#files('authority').certificate, this.#files('admin'));
    await this.#server.start(() => client.get('/readyz'));
    return client;
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    await this.#etcd.stop();
  }

  async #makeCertificates(): Promise<void> {
    const folder = certificatesIn(this.#root);
    mkdirSync(folder, { mode: 0o700 });
    const authority = await TestAuthority.make(folder);
    for (const [name, organization] of Object.entries(organizations)) {
      const options = { addresses: [nodeAddress], ...(organization && { organization }) };
      await authority.issue(name, options);
    }
    const { certificate, key } = this.#files('service-accounts');
    await command(['openssl', 'genrsa', '-out', key, '2048']);
    await command(['openssl', 'rsa', '-in', key, '-pubout', '-out', certificate]);
  }

  #kubeconfigOf(name: string): string {
    const { certificate, key } = this.#files(name);
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'test',
          cluster: { server: apiAddress, 'certificate-authority': this.#files('authority').certificate },
        },
      ],
      users: [{ name, user: { 'client-certificate': certificate, 'client-key': key } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
      'current-context': 'test',
    });
  }

  #serverArgv(): string[] {
    const authority = this.#files('authority').certificate;
    const server = this.#files('api-server');
    const client = this.#files('kubelet-client');
    const accounts = this.#files('service-accounts');
    return [
      'kube-apiserver',
      `--etcd-servers=${etcdAddress}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${apiPort}`,
      '--endpoint-reconciler-type=none',
      '--service-cluster-ip-range=198.51.100.0/24',
      ...[`--tls-cert-file=${server.certificate}`, `--tls-private-key-file=${server.key}`],
      `--client-ca-file=${authority}`,
      `--kubelet-certificate-authority=${authority}`,
      `--kubelet-client-certificate=${client.certificate}`,
      `--kubelet-client-key=${client.key}`,
      '--kubelet-preferred-address-types=InternalIP',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${accounts.certificate}`,
      `--service-account-signing-key-file=${accounts.key}`,
      '--authorization-mode=Node,RBAC',
      `--disable-admission-plugins=${withoutController.join(',')}`,
      '--allow-privileged=true',
      '--v=1',
    ];
  }
}

function etcdArgv(root: string): string[] {
  const peer = 'http://127.0.0.1:2380';
  return [
    'etcd',
    `--data-dir=${join(root, 'etcd')}`,
    ...[`--listen-client-urls=${etcdAddress}`, `--advertise-client-urls=${etcdAddress}`],
    ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`],
    `--initial-cluster=default=${peer}`,
  ];
}
