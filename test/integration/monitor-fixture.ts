// A world for monitor tests: busybox containers by a real runc, everything below one temporary directory.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { type Logger, silentLogger } from '../../internal/log/logger.ts';
import { ControlConnection } from '../../internal/monitor/control-connection.ts';
import type { CreatedContainer, ExitRecord, MonitorRequest } from '../../internal/monitor/monitor.ts';
import type { MonitorDirectories } from '../../internal/monitor/monitor-paths.ts';
import { NativeMonitors } from '../../internal/monitor/native-monitors.ts';
import { Spawner } from '../../internal/monitor/spawner.ts';
import { claimCgroups, releaseCgroups } from '../harness/crun-cgroups.ts';
import { monitorPath } from '../harness/monitor-build.ts';
import { patienceMs, until } from '../harness/until.ts';
import { removeCgroups } from '../harness/world.ts';
import { busybox, cgroupParent, makeRootfs, spec } from './busybox-bundle.ts';

export const runcPath = ['/usr/bin/runc', '/usr/sbin/runc', '/usr/local/sbin/runc'].find((path) =>
  existsSync(path),
);

export { until };

/** Why these tests cannot run here, or false. */
export function missing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  if (runcPath === undefined) return 'needs runc';
  if (!existsSync(busybox)) return 'needs a static busybox';
  return false;
}

/** Fields of the request that differ, and more of the runtime specification. */
export type Extra = Partial<MonitorRequest> & { readonly process?: object; readonly linux?: object };

export interface World {
  readonly root: string;
  readonly spawner: Spawner;
  readonly monitors: NativeMonitors;
  readonly exits: Map<string, ExitRecord>;
  request(argv: readonly string[], extra?: Extra): MonitorRequest;
  create(argv: readonly string[], extra?: Extra): Promise<Started>;
  start(containerId: string): void;
  run(argv: readonly string[], extra?: Extra): Promise<Started & { exit: ExitRecord }>;
  exit(containerId: string): Promise<ExitRecord>;
  runtimeKnows(containerId: string): boolean;
  deleteRuntimeState(containerId: string): void;
  readonly directories: MonitorDirectories;
  log(request: MonitorRequest): string;
  /** A second daemon on the same directories; `close` it. */
  another(program?: string): { monitors: NativeMonitors; exits: Map<string, ExitRecord>; spawner: Spawner };
  close(): Promise<void>;
}

export interface Started {
  readonly id: string;
  readonly request: MonitorRequest;
  readonly created: CreatedContainer;
}

export function newId(): string {
  return randomBytes(32).toString('hex');
}

export function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/**
 * Resolves when the process sleeps and nothing has woken it for a while: it waits for nothing that has happened, and no
 * timer of a shorter time is set. One that is to run and gets no CPU is not at rest.
 */
export async function untilAtRest(pid: number, whileMs = 300): Promise<void> {
  const look = (): string => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return (status.match(/^(State:\s+\S|(non)?voluntary_ctxt_switches:.*)/gm) ?? []).join();
  };
  await until(`process ${pid} is at rest`, async () => {
    const before = look();
    await new Promise((resolve) => setTimeout(resolve, whileMs));
    return /^State:\s+S/.test(before) && look() === before;
  });
}

/** A place in the script of a container at which it waits until it is opened. */
export interface Gate {
  /** The command of the shell that waits. */
  readonly wait: string;
  /** The one that succeeds until it is opened. */
  readonly isShut: string;
  open(): void;
}

/** A gate in the root file system of the world's containers. */
export function makeGate(world: World): Gate {
  const name = `gate-${randomBytes(6).toString('hex')}`;
  const isShut = `[ ! -e /${name} ]`;
  return {
    wait: `while ${isShut}; do sleep 0.01; done`,
    isShut,
    open: () => writeFileSync(join(world.root, 'rootfs', name), ''),
  };
}

/** An undo that failed is shown with the test that it spoils. */
const logger: Logger = {
  ...silentLogger,
  error: (fields, message) => {
    if (message.startsWith('could not undo')) console.error(message, fields);
  },
};

/** The world of a suite, made before its tests and closed after them; see `makeWorld`. */
export function useWorld(...program: Parameters<typeof makeWorld>): World {
  const world = {} as World;
  before(() => {
    Object.assign(world, makeWorld(...program));
  });
  after(() => world.close());
  return world;
}

/** Makes the world, with another monitor program or runtime than usual on demand; `close` it. */
export function makeWorld(mainProgram = monitorPath, runtimePath = runcPath ?? 'runc'): World {
  const root = mkdtempSync(join(tmpdir(), 'cria-monitor-'));
  const claimed = join(root, 'cgroups');
  if (runtimePath.endsWith('/crun')) claimCgroups(claimed);
  const rootfs = makeRootfs(root);
  const runcRoot = join(root, 'runc');
  const directories = {
    socketsDir: join(root, 'm'),
    exitsDir: join(root, 'exits'),
    exitCodesDir: join(root, 'codes'),
  };
  for (const folder of [...Object.values(directories), join(root, 'logs')])
    mkdirSync(folder, { mode: 0o700 });
  const ids = new Set<string>();
  const daemon = (program = mainProgram) => {
    const spawner = new Spawner({
      monitorPath: program,
      logger,
      keepSocket: join(root, 'keep'),
    });
    const monitors = new NativeMonitors({
      ...directories,
      monitorPath: program,
      spawner,
      logger,
    });
    const exits = new Map<string, ExitRecord>();
    monitors.onExit((id, exit) => {
      if (exits.has(id)) throw new Error(`a second exit of ${id}`);
      exits.set(id, exit);
    });
    return { monitors, exits, spawner };
  };
  const first = daemon();
  const runc = (...argv: string[]): string =>
    execFileSync(runtimePath, ['--root', runcRoot, ...argv], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });

  const world: World = {
    root,
    ...first,
    request(argv, extra = {}) {
      const { process: processExtra = {}, linux = {}, ...fields } = extra;
      const containerId = newId();
      ids.add(containerId);
      const bundle = join(root, 'bundles', containerId);
      mkdirSync(bundle, { recursive: true });
      const config = spec(
        rootfs,
        containerId,
        argv,
        { ...processExtra, terminal: fields.terminal ?? false },
        linux,
      );
      writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
      return {
        containerId,
        name: 'k8s_test',
        bundle,
        runtimePath,
        runtimeArgs: ['--root', runcRoot],
        createArgs: [],
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
        logPath: join(root, 'logs', containerId),
        logSizeMaxBytes: undefined,
        terminal: false,
        terminalSize: undefined,
        stdin: false,
        stdinOnce: false,
        uid: 0,
        gid: 0,
        createTimeoutMs: patienceMs,
        cgroupDirs: [],
        take: undefined,
        ...fields,
      };
    },
    async create(argv, extra) {
      const request = world.request(argv, extra);
      const created = await first.monitors.create(request);
      return { id: request.containerId, request, created };
    },
    start(containerId) {
      runc('start', containerId);
    },
    async run(argv, extra) {
      const started = await world.create(argv, extra);
      world.start(started.id);
      return { ...started, exit: await world.exit(started.id) };
    },
    async exit(containerId) {
      await until(`exit of ${containerId}`, () => first.exits.has(containerId));
      return first.exits.get(containerId) as ExitRecord;
    },
    runtimeKnows(containerId) {
      return existsSync(join(runcRoot, containerId));
    },
    deleteRuntimeState(containerId) {
      runc('delete', '--force', containerId);
    },
    directories,
    log(request) {
      return readFileSync(request.logPath ?? '', 'latin1'); // bytes, one character each
    },
    another: daemon,
    async close() {
      const last = daemon();
      for (const id of ids) {
        await first.monitors.remove(id).catch(() => {});
        await last.monitors.remove(id).catch(() => {});
        if (existsSync(join(runcRoot, id))) runc('delete', '--force', id);
      }
      await first.spawner.close();
      await last.spawner.close();
      releaseCgroups(claimed, cgroupParent);
      // A monitor that ends just now may still make a file there.
      rmSync(root, { recursive: true, force: true, maxRetries: 10 });
      removeCgroups(cgroupParent);
    },
  };
  return world;
}

/** What the container's monitor says of itself. */
export async function stateOf(world: World, id: string): Promise<Record<string, unknown>> {
  const connection = await ControlConnection.open(join(world.root, 'm', id.slice(0, 12), 's'), () => {});
  try {
    return await connection.request('state');
  } finally {
    connection.close();
  }
}

/** What the container has written to stdout, from its log; see `joinLogSoFar`. */
export function stdoutIn(logPath: string): string {
  return joinLogSoFar(readFileSync(logPath, 'latin1'), 'stdout').toString();
}

/** `joinLog` of a log that is being written: a file system shows the beginning of a write before its end. */
export function joinLogSoFar(text: string, stream: 'stdout' | 'stderr'): Buffer {
  return joinLog(text.slice(0, text.lastIndexOf('\n') + 1), stream);
}

/** The content of one stream, joined as the kubelet does. Fails on a line that is no record. */
export function joinLog(text: string, stream: 'stdout' | 'stderr'): Buffer {
  const parts: string[] = [];
  if (text !== '' && !text.endsWith('\n')) throw new Error('the log ends inside a record');
  for (const line of text.split('\n').slice(0, -1)) {
    const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) (stdout|stderr) ([PF]) (.*)$/s.exec(line);
    if (match === null) throw new Error(`no CRI record: ${JSON.stringify(line.slice(0, 100))}`);
    if ((match[4] ?? '').length > 16384) throw new Error('a record is too long');
    if (match[2] === stream) parts.push(`${match[4]}${match[3] === 'F' ? '\n' : ''}`);
  }
  return Buffer.from(parts.join(''), 'latin1');
}
