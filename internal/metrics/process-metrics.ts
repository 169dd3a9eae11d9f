// The daemon's own process under the names that all Prometheus clients share, and the zombies of the host. Measured when
// somebody scrapes and at no other time: prom-client's own set keeps a timer that wakes an idle process.

import { readdir, readFile } from 'node:fs/promises';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Collectors } from './collectors.ts';

const measures: Readonly<Record<string, [help: string, measure: () => number | Promise<number>]>> = {
  process_resident_memory_bytes: ['Resident memory of the daemon.', () => process.memoryUsage.rss()],
  process_open_fds: ['Open file descriptors of the daemon.', openDescriptors],
  process_max_fds: ['Most file descriptors that the daemon may open.', maxDescriptors],
  process_start_time_seconds: ['Start of the daemon since the epoch.', () => performance.timeOrigin / 1000],
  nodejs_heap_size_used_bytes: ['Used JavaScript heap.', () => process.memoryUsage().heapUsed],
  nodejs_external_memory_bytes: [
    'Memory of buffers and of native objects.',
    () => process.memoryUsage().external,
  ],
};

export function processMetrics(registry: Registry, collectors: Collectors): void {
  const cpu: Counter = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time of the daemon.',
    registers: [registry],
    collect() {
      cpu.reset();
      cpu.inc(cpuSeconds());
    },
  });
  for (const [name, [help, measure]] of Object.entries(measures)) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        gauge.set(await measure());
      },
    });
  }
  collectors.gauge({
    name: 'processes_defunct',
    help: 'Zombie processes of the host.',
    collect: countZombies,
  });
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function openDescriptors(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}

async function maxDescriptors(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const soft = /^Max open files +(\S+)/m.exec(limits)?.[1];
  return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

async function countZombies(): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const isZombie = await Promise.all(pids.map(isDefunct));
  return isZombie.filter(Boolean).length;
}

async function isDefunct(pid: string): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    // The command's name in parentheses may hold anything, so the state is sought from the end.
    return stat.charAt(stat.lastIndexOf(')') + 2) === 'Z';
  } catch {
    return false; // it ended while we looked
  }
}
