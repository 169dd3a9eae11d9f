// What the conformance suite runs against: a registry with its images, and a daemon that finds them there. It expects a
// network namespace of its own, so that the ports that are written in critest are free and nothing is left on the host.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attempt, findProgram } from '../harness/command.ts';
import { TestDaemon } from '../harness/daemon.ts';
import { mountsBelow } from '../harness/proc.ts';
import { TestRegistry } from '../harness/registry.ts';
import { cgroupDirectories } from '../harness/world.ts';
import { writeCritest } from './critest.ts';
import { ImagePusher } from './push-image.ts';
import { digestImage, mirrorsConf, suiteImages } from './suite-images.ts';

const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));
/** Where a pod goes whose caller names no cgroup, as critest does. */
const defaultCgroupParent = '/crio';

export interface SuiteWorld {
  readonly daemon: TestDaemon;
  /** critest with the digest of our image. */
  readonly program: string;
  /** For what the suite makes itself. */
  readonly directory: string;
  /** Nothing is left after it, however far the making came. */
  destroy(): Promise<void>;
}

type Undo = () => unknown;

function compiled(source: string, directory: string): string {
  const target = join(directory, 'effective-user');
  execFileSync('cc', ['-Os', '-static', '-s', '-o', target, join(projectRoot, 'test/native', source)]);
  return target;
}

async function pushImages(host: string, directory: string): Promise<string> {
  const images = suiteImages({
    busybox: findProgram('busybox-conformance') ?? '',
    pause: join(projectRoot, 'dist/bin/cria-pause'),
    effectiveUser: compiled('effective-user.c', directory),
  });
  const pusher = new ImagePusher(host);
  let digest = '';
  for (const image of images) {
    const pushed = await pusher.push(image);
    if (image.names.includes(digestImage)) digest = pushed;
  }
  return digest;
}

async function removeDirectory(directory: string): Promise<void> {
  for (const point of mountsBelow(directory).reverse()) await attempt(['umount', '-l', point]);
  rmSync(directory, { recursive: true, force: true });
}

function removeDefaultCgroups(): void {
  for (const directory of cgroupDirectories(defaultCgroupParent)) {
    try {
      rmdirSync(directory);
    } catch {
      // another daemon of this machine has its pods there
    }
  }
}

async function destroyAll(undo: readonly Undo[]): Promise<void> {
  for (const step of [...undo].reverse()) await step();
}

async function fill(undo: Undo[], runtime: string, critest: string): Promise<Omit<SuiteWorld, 'destroy'>> {
  const directory = mkdtempSync(join(tmpdir(), 'cria-conformance-'));
  undo.push(() => removeDirectory(directory));
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  const registry = await TestRegistry.start();
  undo.push(() => registry.stop());
  const digest = await pushImages(registry.host, directory);
  const program = join(directory, 'critest');
  writeCritest(critest, program, digest);
  undo.push(removeDefaultCgroups);
  const daemon = new TestDaemon({ handlers: [runtime], registries: mirrorsConf(registry.host) });
  undo.push(() => daemon.destroy());
  await daemon.start();
  const own = join(directory, 'suite');
  mkdirSync(own);
  return { daemon, program, directory: own };
}

/** A ready daemon and the images; must be destroyed. */
export async function makeSuiteWorld(runtime: string, critest: string): Promise<SuiteWorld> {
  const undo: Undo[] = [];
  try {
    return { ...(await fill(undo, runtime, critest)), destroy: () => destroyAll(undo) };
  } catch (error) {
    await destroyAll(undo);
    throw error;
  }
}
