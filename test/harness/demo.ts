// What contrib/quickstart.sh asks of the daemon, over the CRI as a kubelet would:
//   demo.js config ROOT BRIDGE SUBNET RUNTIME  write the daemon's configuration below ROOT; RUNTIME is a path
//   demo.js image LAYOUT NAME                  write the demo image as an OCI layout
//   demo.js wait SOCKET                        wait until the daemon answers and its network is ready
//   demo.js run SOCKET IMAGE LOGDIR CGROUP     run one pod with one container to its end and show what happened
//   demo.js stop SOCKET                        stop and remove every pod of this daemon

import { mkdirSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CriClient, connect } from './cri-client.ts';
import { writeDaemonConfig } from './daemon-config.ts';
import { buildBusyboxImage, findStaticBusybox } from './images.ts';
import { createContainer, podIp, readContainerLog, removeAllPods, runPod, waitForExit } from './pods.ts';
import { patienceMs } from './until.ts';

const script =
  'echo "hello from $(hostname)"; ip -4 -o addr show eth0 | awk \'{print "my address is", $4}\'; exit 7';

function makeImage(layout: string, name: string): void {
  const busybox = findStaticBusybox();
  if (busybox === undefined) throw new Error('no static busybox: install the package busybox-static');
  const { id } = buildBusyboxImage(layout, name, busybox);
  console.log(`image id ${id.slice(0, 12)}`);
}

async function whatIsNotReady(client: CriClient): Promise<string | undefined> {
  const { status } = await client.runtime('Status', {}, 2_000);
  const bad = status?.conditions.find((condition) => !condition.status);
  return bad && `${bad.type}: ${bad.reason} ${bad.message}`;
}

async function waitUntilReady(client: CriClient): Promise<void> {
  const deadline = performance.now() + patienceMs;
  let problem: string | undefined = 'no answer';
  while (problem !== undefined) {
    if (performance.now() > deadline) throw new Error(`the daemon is still not ready: ${problem}`);
    await sleep(100);
    problem = await whatIsNotReady(client).catch((error: Error) => error.message);
  }
}

async function run(client: CriClient, image: string, logRoot: string, cgroupParent: string): Promise<void> {
  const name = `demo-${Date.now().toString(36)}`;
  const pod = { name, logDirectory: `${logRoot}/${name}`, cgroupParent, handler: '' };
  mkdirSync(pod.logDirectory, { recursive: true });
  const podId = await runPod(client, pod);
  console.log(`pod ${podId.slice(0, 12)} (${name}) runs, IP ${await podIp(client, podId)}`);
  const request = { name: 'hello', image, command: ['sh', '-c', script] };
  const containerId = await createContainer(client, podId, pod, request);
  await client.runtime('StartContainer', { containerId });
  const exitCode = await waitForExit(client, containerId);
  console.log(`container ${containerId.slice(0, 12)} (hello) exited with code ${exitCode}`);
  console.log(`its log, ${pod.logDirectory}/hello.log:`);
  for (const line of readContainerLog(pod, 'hello')) console.log(`    ${line.stream}: ${line.text}`);
  if (exitCode !== 7) throw new Error(`the container's exit code is ${exitCode}, not the 7 it ended with`);
}

async function withClient(socket: string, body: (client: CriClient) => Promise<void>): Promise<void> {
  const client = connect(socket);
  try {
    await body(client);
  } finally {
    client.close();
  }
}

async function main([verb, a = '', b = '', c = '', d = '']: readonly string[]): Promise<void> {
  switch (verb) {
    case 'config': {
      writeDaemonConfig({ root: a, bridge: b, subnet: c, handlers: [{ name: basename(d), path: d }] });
      return;
    }
    case 'image':
      return makeImage(a, b);
    case 'wait':
      return withClient(a, waitUntilReady);
    case 'run':
      return withClient(a, (client) => run(client, b, c, d));
    case 'stop':
      return withClient(a, async (client) => {
        console.log(`${await removeAllPods(client)} pods removed`);
      });
    default:
      throw new Error('usage: demo.js config|image|wait|run|stop ...');
  }
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
