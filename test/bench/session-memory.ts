// What many open sessions cost the daemon in memory.

import { setTimeout as sleep } from 'node:timers/promises';
import { memoryKiB } from '../harness/proc.ts';
import type { SpdyCommand } from '../harness/spdy-connect.ts';
import { finishAll, idleSession } from './stream-figures.ts';
import type { StreamPeer } from './stream-peers.ts';

const sessions = 100;
const settleMs = 1_500;
const maxGrowthKiB = 20 * 1024;

export async function tellMemory(peers: readonly StreamPeer[]): Promise<void> {
  for (const peer of peers) {
    for (let i = 0; i < 20; i++) await finishAll([await idleSession(peer)]);
    await sleep(settleMs);
    const before = memoryKiB(peer.pid, ['Rss']);
    const open: SpdyCommand[] = [];
    for (let i = 0; i < sessions; i++) open.push(await idleSession(peer));
    await sleep(settleMs);
    const growth = memoryKiB(peer.pid, ['Rss']) - before;
    const verdict = growth <= maxGrowthKiB ? 'ok' : 'MISSED';
    const target = peer.name === 'cria' ? `; target: at most ${maxGrowthKiB} KiB: ${verdict}` : '';
    console.log(`RSS of the daemon with ${sessions} exec sessions: ${peer.name} +${growth} KiB${target}`);
    await finishAll(open);
  }
}
