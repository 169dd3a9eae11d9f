// The configuration of a daemon that keeps everything below one directory of its own: store, sockets, namespaces, CNI
// network, registries and policy. Nothing of the machine's own container configuration is read or written.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface RuntimeHandler {
  readonly name: string;
  readonly path: string;
  /** More lines of its table. */
  readonly toml?: string;
}

/** How the pod network differs from one bridge with one IPv4 subnet. */
export interface PodNetworkSetup {
  readonly cniVersion?: string;
  /** More subnets, in CIDR form; each gives a pod one address more. */
  readonly moreSubnets?: readonly string[];
  /** More fields of the bridge plugin. */
  readonly bridge?: object;
  /** Plugins after the bridge. */
  readonly morePlugins?: readonly object[];
  /** Directories of plugins, searched before the usual ones. */
  readonly pluginDirectories?: readonly string[];
}

export interface DaemonSetup {
  readonly root: string;
  /** At most 15 characters, the kernel's limit for an interface name. */
  readonly bridge: string;
  /** In CIDR form. */
  readonly subnet: string;
  /** The first is the default. */
  readonly handlers: readonly RuntimeHandler[];
  /** By default cgroupfs. */
  readonly cgroupManager?: 'cgroupfs' | 'systemd';
  /** TOML that is put after everything else; it starts with a table header. */
  readonly extraToml?: string;
  /** Lines of `[crio.runtime]`. */
  readonly runtimeToml?: string;
  /** Lines of `[cria]`. */
  readonly criaToml?: string;
  /** Lines of `[crio.image]`. */
  readonly imageToml?: string;
  readonly network?: PodNetworkSetup | undefined;
  /** Lines of registries.conf; by default none, so that no registry is ever searched. */
  readonly registries?: string;
}

export interface DaemonPaths {
  readonly configFile: string;
  readonly socket: string;
  readonly storageRoot: string;
  readonly storageRunRoot: string;
  readonly runDir: string;
  readonly dataDir: string;
  readonly namespacesDir: string;
  /** host-local's leases: one file per address in a directory per network. */
  readonly leasesDir: string;
  readonly registriesConf: string;
  /** policy.json for skopeo: accepts everything. */
  readonly policy: string;
}

const pluginDirectories = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];

export function pathsIn(root: string): DaemonPaths {
  return {
    configFile: join(root, 'cria.toml'),
    socket: join(root, 'cria.sock'),
    storageRoot: join(root, 'storage'),
    storageRunRoot: join(root, 'storage-run'),
    runDir: join(root, 'run'),
    dataDir: join(root, 'data'),
    namespacesDir: join(root, 'namespaces'),
    leasesDir: join(root, 'cni-leases'),
    registriesConf: join(root, 'registries.conf'),
    policy: join(root, 'policy.json'),
  };
}

function networkList(setup: DaemonSetup, leasesDir: string): object {
  const ipam = {
    type: 'host-local',
    dataDir: leasesDir,
    ranges: [setup.subnet, ...(setup.network?.moreSubnets ?? [])].map((subnet) => [{ subnet }]),
    routes: [{ dst: '0.0.0.0/0' }, ...(setup.network?.moreSubnets?.length ? [{ dst: '::/0' }] : [])],
  };
  const bridge = {
    type: 'bridge',
    bridge: setup.bridge,
    isGateway: true,
    ipMasq: true,
    ipam,
    ...setup.network?.bridge,
  };
  const { cniVersion = '1.0.0', morePlugins = [] } = setup.network ?? {};
  return { cniVersion, name: setup.bridge, plugins: [bridge, ...morePlugins] };
}

function handlerTable(root: string, { name, path, toml = '' }: RuntimeHandler): string {
  const runtimeRoot = join(root, 'run', name);
  return `
[crio.runtime.runtimes.${name}]
runtime_path = "${path}"
runtime_type = "oci"
runtime_root = "${runtimeRoot}"
${toml}
`;
}

function toml(setup: DaemonSetup, paths: DaemonPaths): string {
  const { root, handlers } = setup;
  const own = setup.network?.pluginDirectories ?? [];
  const plugins = [...own, ...pluginDirectories].filter((directory) => existsSync(directory));
  return `# Written by the quickstart or a test for a daemon that lives below ${root}.
[crio]
root = "${paths.storageRoot}"
runroot = "${paths.storageRunRoot}"
storage_driver = "overlay"
log_dir = "${root}/pod-logs"
version_file = "${paths.runDir}/version"
clean_shutdown_file = "${root}/clean.shutdown"

[crio.api]
listen = "${paths.socket}"
stream_address = "127.0.0.1"
stream_port = "0"

[crio.runtime]
default_runtime = "${handlers[0]?.name ?? ''}"
cgroup_manager = "${setup.cgroupManager ?? 'cgroupfs'}"
namespaces_dir = "${paths.namespacesDir}"
container_exits_dir = "${paths.runDir}/exits"
${setup.runtimeToml ?? ''}
${handlers.map((handler) => handlerTable(root, handler)).join('')}
[crio.image]
signature_policy = "${paths.policy}"
${setup.imageToml ?? ''}

[crio.network]
network_dir = "${root}/cni"
plugin_dirs = ${JSON.stringify(plugins)}

[cria]
run_dir = "${paths.runDir}"
data_dir = "${paths.dataDir}"
registries_conf = "${paths.registriesConf}"
${setup.criaToml ?? ''}

${setup.extraToml ?? ''}`;
}

/** Writes all configuration files below `setup.root`, over those of an earlier call, and returns where things are. */
export function writeDaemonConfig(setup: DaemonSetup): DaemonPaths {
  const paths = pathsIn(setup.root);
  for (const folder of ['', 'cni', 'pod-logs', 'namespaces']) {
    mkdirSync(join(setup.root, folder), { recursive: true, mode: 0o700 });
  }
  const policy = { default: [{ type: 'insecureAcceptAnything' }] };
  writeFileSync(paths.policy, `${JSON.stringify(policy, undefined, 2)}\n`);
  writeFileSync(paths.registriesConf, setup.registries ?? 'unqualified-search-registries = []\n');
  const network = networkList(setup, paths.leasesDir);
  writeFileSync(join(setup.root, 'cni/10-pods.conflist'), `${JSON.stringify(network, undefined, 2)}\n`);
  writeFileSync(paths.configFile, toml(setup, paths));
  return paths;
}
