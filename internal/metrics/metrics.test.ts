import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger } from '../log/logger.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { type MetricsServer, type MetricsServerSettings, startMetricsServer } from './metrics-server.ts';

const everything = 'operations_total operations_errors_total operations_latency_seconds_total'.split(' ');
everything.push('containers_oom_total', 'containers_oom_count_total', 'processes_defunct', 'default_runtime');

let directory: string;
before(() => {
  directory = mkdtempSync('/tmp/cria-metrics-');
});
after(() => rmSync(directory, { recursive: true }));

function make(collectors: readonly string[] = everything): Metrics {
  return createMetrics({ collectors, defaultRuntime: 'crun' });
}

async function serving<T>(
  metrics: Metrics,
  settings: Partial<MetricsServerSettings>,
  use: (server: MetricsServer) => Promise<T>,
): Promise<T> {
  const all = { host: '127.0.0.1', port: 0, socket: '', identity: undefined, ...settings };
  const server = await startMetricsServer(metrics, all, silentLogger);
  try {
    return await use(server);
  } finally {
    await server.close();
  }
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function get(url: string, options: object = {}): Promise<Answer> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.on('error', reject).end();
  });
}

test('a call is counted under its operation, a failed one also as an error', async () => {
  const metrics = make();
  metrics.observeOperation('RunPodSandbox', 0.25, false);
  metrics.observeOperation('RunPodSandbox', 0.75, true);
  const { text } = await metrics.read();
  assert.match(text, /^container_runtime_crio_operations_total\{operation="RunPodSandbox"\} 2$/m);
  assert.match(text, /^container_runtime_crio_operations_errors_total\{operation="RunPodSandbox"\} 1$/m);
  const summary = 'container_runtime_crio_operations_latency_seconds_total';
  assert.match(text, new RegExp(`^${summary}_sum\\{operation="RunPodSandbox"\\} 1$`, 'm'));
  assert.match(text, new RegExp(`^${summary}\\{quantile="0.99",operation="RunPodSandbox"\\} 0\\.7`, 'm'));
});

test('only enabled collectors are served, by any of their names', async () => {
  const metrics = make(['crio_operations_total', 'container_runtime_crio_default_runtime', 'unheard_of']);
  metrics.observeOperation('Status', 1, true);
  const { text } = await metrics.read();
  assert.match(text, /^container_runtime_crio_operations_total\{/m);
  assert.match(text, /^container_runtime_crio_default_runtime\{runtime="crun"\} 1$/m);
  assert.doesNotMatch(text, /operations_errors_total|oom|defunct|unheard/);
});

test("a removed container's series go with it, the total stays", async () => {
  const metrics = make();
  metrics.containers.oomKilled('k8s_a');
  metrics.containers.oomKilled('k8s_b');
  metrics.containers.removed('k8s_a');
  metrics.containers.removed('k8s_never_seen');
  const { text } = await metrics.read();
  assert.match(text, /^container_runtime_crio_containers_oom_total 2$/m);
  assert.match(text, /oom_count_total\{name="k8s_b"\} 1/);
  assert.doesNotMatch(text, /k8s_a/);
});

test('the process and the zombies of the host are measured at a scrape', async () => {
  const { text } = await make().read();
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  assert.ok(value('process_resident_memory_bytes') > 1e7);
  assert.ok(value('process_cpu_seconds_total') > 0 && value('process_cpu_seconds_total') < 1e5);
  assert.match(text, /^# TYPE process_cpu_seconds_total counter$/m);
  assert.ok(value('process_open_fds') > 2 && value('process_open_fds') < value('process_max_fds'));
  assert.ok(Math.abs(value('process_start_time_seconds') - performance.timeOrigin / 1000) < 1);
  assert.ok(value('container_runtime_crio_processes_defunct') >= 0);
});

test('the server answers at /metrics on TCP and on the socket, and nowhere else', async () => {
  const socket = join(directory, 'metrics.sock');
  await serving(make(), { socket }, async ({ address }) => {
    const overTcp = await get(`http://${address}/metrics?x=1`);
    assert.equal(overTcp.status, 200);
    assert.match(overTcp.body, /default_runtime/);
    const overSocket = await get('http://unix/metrics', { socketPath: socket });
    assert.match(overSocket.body, /default_runtime/);
    assert.equal((await get(`http://${address}/`)).status, 404);
    assert.equal((await get(`http://${address}/metrics`, { method: 'POST' })).status, 405);
  });
});

test('an address that is taken is named, and nothing stays open', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const address = holder.address();
  assert.ok(typeof address === 'object' && address !== null);
  const start = serving(make(), { port: address.port }, async () => {});
  await assert.rejects(start, new RegExp(`"127.0.0.1:${address.port}" \\(EADDRINUSE\\)`));
  holder.close();
});

test('a file in the place of the socket, and the socket of another server, are left alone', async () => {
  const file = join(directory, 'precious');
  writeFileSync(file, 'precious');
  const onFile = serving(make(), { socket: file }, async () => {});
  await assert.rejects(onFile, /no socket; remove it, or set metrics_socket in \[crio\.metrics\]/);
  assert.equal(readFileSync(file, 'utf8'), 'precious');
  const socket = join(directory, 'shared.sock');
  await serving(make(), { socket }, async () => {
    const second = serving(make(), { socket }, async () => {});
    await assert.rejects(second, /another daemon answers on ".*shared\.sock"/);
  });
});

test('with a certificate it speaks HTTPS, keeps to the suites, and names a file that is missing', async () => {
  const identity = {
    certFile: join(directory, 'cert.pem'),
    keyFile: join(directory, 'key.pem'),
    minVersion: 'VersionTLS12',
    cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
  } as const;
  const start = serving(make(), { identity }, async () => {});
  await assert.rejects(start, /cannot read "\/tmp\/cria-metrics-.*(cert|key)\.pem".*ENOENT/);
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-days', '1'];
  request.push(
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-keyout',
    identity.keyFile,
    '-out',
    identity.certFile,
  );
  execFileSync('openssl', request, { stdio: 'ignore' });
  await serving(make(), { identity }, async ({ address }) => {
    const trust = { ca: readFileSync(identity.certFile) };
    const { body } = await get(`https://${address}/metrics`, trust);
    assert.match(body, /default_runtime/);
    const other = { ...trust, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES256-GCM-SHA384' };
    await assert.rejects(get(`https://${address}/metrics`, other), /handshake failure/i);
    await assert.rejects(get(`http://${address}/metrics`));
    const silent = connect(Number(address.split(':')[1]), '127.0.0.1').on('error', () => {});
    await once(silent, 'connect');
    await get(`https://${address}/metrics`, trust); // a later one is there, so is the silent one
  }); // closed, whoever is connected
  writeFileSync(identity.keyFile, 'no key');
  await assert.rejects(
    serving(make(), { identity }, async () => {}),
    /key ".*key\.pem" cannot be used/,
  );
});
