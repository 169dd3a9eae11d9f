// Mounts one overlay whose lower layers are named by their short links, relative to the driver's home. A working
// directory belongs to the whole process unless a thread has its own, so this is a thread.

import { parentPort, workerData } from 'node:worker_threads';
import { enterDirectory } from '../sys/confine.ts';
import { type MountRequest, mountHere } from '../sys/mount.ts';

const { home, request } = workerData as { home: string; request: MountRequest };
enterDirectory(home);
mountHere(request);
parentPort?.postMessage('mounted');
