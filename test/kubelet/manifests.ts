// The static pods of the suite, as a person would write their manifests. All containers are a busybox.

import { join } from 'node:path';

export const image = 'localhost/busybox:test';
export const hostPort = 30_080;

export interface Manifest {
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

function pod(name: string, spec: object): Manifest & { apiVersion: string; kind: string } {
  const usual = { automountServiceAccountToken: false, enableServiceLinks: false };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { ...usual, ...spec } };
}

function shell(name: string, script: string, rest: object = {}): object {
  return { name, image, imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', script], ...rest };
}

const often = { periodSeconds: 1, failureThreshold: 2 };

/** One container asks the other on localhost and is ready when it was answered. */
export const pair = pod('pair', {
  containers: [
    shell('server', 'mkdir /www && echo "from next door" > /www/index.html && exec httpd -f -p 8080 -h /www'),
    shell(
      'client',
      'until wget -q -O /tmp/answer http://127.0.0.1:8080/; do sleep 0.2; done; cat /tmp/answer; sleep 1000000',
      { readinessProbe: { exec: { command: ['test', '-s', '/tmp/answer'] }, ...often } },
    ),
  ],
});

/** What an init container wrote is served and probed; volumes on disk and in memory; a liveness probe that can fail. */
export const probed = pod('probed', {
  initContainers: [
    shell('prepare', 'echo "made before" > /site/index.html', {
      volumeMounts: [{ name: 'site', mountPath: '/site' }],
    }),
  ],
  containers: [
    shell('main', 'touch /tmp/alive && exec httpd -f -p 80 -h /site', {
      volumeMounts: [
        { name: 'site', mountPath: '/site' },
        { name: 'cache', mountPath: '/cache' },
      ],
      resources: { limits: { memory: '64Mi', cpu: '500m' } },
      readinessProbe: { httpGet: { path: '/index.html', port: 80 }, ...often },
      livenessProbe: { exec: { command: ['test', '-e', '/tmp/alive'] }, ...often },
    }),
  ],
  volumes: [
    { name: 'site', emptyDir: {} },
    { name: 'cache', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
  ],
  terminationGracePeriodSeconds: 1,
});

/** Ends with an error each time, and says why. */
export const crashing = pod('crashing', {
  containers: [shell('main', 'echo "no luck" > /dev/termination-log; exit 3')],
});

/** Is reached by a port of the host. */
export const published = pod('published', {
  containers: [
    shell('main', 'mkdir /www && echo "from the host" > /www/index.html && exec httpd -f -p 80 -h /www', {
      ports: [{ containerPort: 80, hostPort }],
      readinessProbe: { httpGet: { path: '/', port: 80 }, ...often },
    }),
  ],
  terminationGracePeriodSeconds: 1,
});

/** Writes down how it is stopped, in a directory of the host. */
export function graceful(directory: string): Manifest {
  const say = (text: string): string => `echo "${text}" >> /notes/stop`;
  const script = `trap '${say('asked to end')}; sleep 1; ${say('ended by itself')}; exit 0' TERM; touch /notes/ready; while :; do sleep 0.1; done`;
  return pod('graceful', {
    containers: [
      shell('main', script, {
        volumeMounts: [{ name: 'notes', mountPath: '/notes' }],
        lifecycle: { preStop: { exec: { command: ['sh', '-c', say('told before')] } } },
        readinessProbe: { exec: { command: ['test', '-e', '/notes/ready'] }, ...often },
      }),
    ],
    volumes: [{ name: 'notes', hostPath: { path: join(directory, 'notes'), type: 'DirectoryOrCreate' } }],
    terminationGracePeriodSeconds: 60,
  });
}

/** Writes more than its log may hold. */
export const talkative = pod('talkative', {
  containers: [
    shell(
      'main',
      'n=0; while :; do n=$((n+1)); echo "line $n of a log that is rotated again and again"; sleep 0.01; done',
    ),
  ],
  terminationGracePeriodSeconds: 1,
});
