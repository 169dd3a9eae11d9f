// Pulls side by side with containerd and skopeo, from one registry on loopback, each into an empty store of one fresh
// file system; in turns, so that a slow minute of the machine is everybody's.

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { command } from '../harness/command.ts';
import { TestRegistry } from '../harness/registry.ts';
import { missing } from '../harness/requirements.ts';
import { CpuCgroup } from './cpu-cgroup.ts';
import { FreshFilesystem } from './fresh-filesystem.ts';
import { timed } from './measure.ts';
import { type ImageShape, pushImage } from './pull-images.ts';
import { type Peer, skopeoPeer, startContainerd, startCria } from './pull-peers.ts';

const rounds = 6; // each peer is first twice
const targetRatio = 0.8;
const mebibyte = 1024 * 1024;

const big: ImageShape = {
  name: 'gzip',
  layers: 6,
  filesPerLayer: 26,
  fileBytes: mebibyte,
  compression: 'gzip',
};

const scenarios: readonly (readonly [title: string, shapes: readonly ImageShape[]])[] = [
  ['160 MiB, 6 gzip layers', [big]],
  ['160 MiB, 6 zstd layers', [{ ...big, name: 'zstd', compression: 'zstd' }]],
  [
    '10,000 small files',
    [{ name: 'files', layers: 2, filesPerLayer: 5_000, fileBytes: 1_200, compression: 'gzip' }],
  ],
  [
    '5 images at once',
    Array.from({ length: 5 }, (_, index) => ({ ...big, name: `five-${index}`, layers: 3, filesPerLayer: 8 })),
  ],
];

interface Measured {
  readonly peer: Peer;
  readonly cgroup: CpuCgroup;
  readonly wallMs: number[];
  readonly cpuMs: number[];
}

/**
 * Prints a table for each scenario whose title has one of the words, or for all; the target is for the wall time and for
 * the processor time.
 */
export async function pullBench(words: readonly string[]): Promise<void> {
  const reason = missing(
    'runc',
    'docker-registry',
    'skopeo',
    'containerd',
    'ctr',
    'zstd',
    'gzip',
    'tar',
    'mkfs.ext4',
    'mount',
  );
  if (reason !== false) throw new Error(`the pull benchmark cannot run: ${reason}`);
  const directory = mkdtempSync('/var/tmp/cria-pull-bench-');
  const name = `cria-bench-${randomBytes(3).toString('hex')}`;
  const closing: (() => unknown)[] = [() => rmSync(directory, { recursive: true })];
  try {
    const registry = await TestRegistry.start();
    closing.push(() => registry.stop());
    const disk = await FreshFilesystem.mount(directory);
    closing.push(() => disk.close());
    const peers: { peer: Peer; cgroup: CpuCgroup }[] = [];
    const enter = async (own: string, start: (cgroup: CpuCgroup) => Promise<Peer> | Peer): Promise<void> => {
      const cgroup = new CpuCgroup(`${name}-${own}`);
      closing.push(() => cgroup.close());
      const peer = await start(cgroup);
      closing.push(() => peer.close());
      peers.push({ peer, cgroup });
    };
    await enter('cria', (cgroup) => startCria(registry, `${disk.path}/cria`, cgroup));
    await enter('containerd', (cgroup) => startContainerd(`${disk.path}/containerd`, cgroup));
    await enter('skopeo', (cgroup) => skopeoPeer(`${disk.path}/skopeo`, cgroup));
    const wanted = scenarios.filter(
      ([title]) => words.length === 0 || words.some((word) => title.includes(word)),
    );
    for (const [title, shapes] of wanted) {
      const references: string[] = [];
      for (const shape of shapes) references.push(await pushImage(directory, registry, shape));
      tell(title, await inTurns(peers, references, disk.path));
    }
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

async function inTurns(
  peers: readonly { readonly peer: Peer; readonly cgroup: CpuCgroup }[],
  references: readonly string[],
  directory: string,
): Promise<Measured[]> {
  const measured = peers.map(({ peer, cgroup }) => ({ peer, cgroup, wallMs: [], cpuMs: [] }) as Measured);
  for (let round = -1; round < rounds; round += 1) {
    // Who comes first changes, so that nobody always finds what the same one left behind.
    const first = (round + 1) % measured.length;
    for (const { peer, cgroup, wallMs, cpuMs } of [...measured.slice(first), ...measured.slice(0, first)]) {
      await command(['sync', '--file-system', directory]); // what the one before left to write
      const before = cgroup.cpuMs;
      const took = await timed(() => Promise.all(references.map((reference) => peer.pull(reference))));
      const used = cgroup.cpuMs - before;
      if (round >= 0) {
        wallMs.push(took);
        cpuMs.push(used);
      }
      await peer.removeAll(references);
    }
  }
  return measured;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(values.length / 2);
  return ((sorted[middle] ?? Number.NaN) + (sorted[values.length - 1 - middle] ?? Number.NaN)) / 2;
}

function tell(title: string, measured: readonly Measured[]): void {
  const rows = measured.map(({ peer, wallMs, cpuMs }) => ({
    name: peer.name,
    wall: median(wallMs),
    cpu: median(cpuMs),
    least: Math.min(...wallMs),
    most: Math.max(...wallMs),
  }));
  const [own, ...others] = rows;
  if (own === undefined) return;
  console.log(`pull ${title}, medians of ${rounds}:`);
  for (const { name, wall, cpu, least, most } of rows) {
    const ratio =
      name === own.name
        ? ''
        : `  cria/${name}: wall ${(own.wall / wall).toFixed(2)}, CPU ${(own.cpu / cpu).toFixed(2)}`;
    const spread = `(${least.toFixed(0)}-${most.toFixed(0)})`;
    console.log(
      `  ${name.padEnd(11)} wall ${wall.toFixed(0)} ms ${spread}, CPU ${cpu.toFixed(0)} ms${ratio}`,
    );
  }
  for (const [what, ratio] of [
    ['wall time', own.wall / Math.min(...others.map(({ wall }) => wall))],
    ['processor time', own.cpu / Math.min(...others.map(({ cpu }) => cpu))],
  ] as const) {
    const verdict = ratio <= targetRatio ? 'ok' : 'MISSED';
    console.log(
      `  target: at most ${targetRatio} x the best peer's ${what}; it is ${ratio.toFixed(2)}: ${verdict}`,
    );
  }
}
