// What a Prometheus sees of a daemon that does something.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '../harness/daemon.ts';
import { freePort } from '../harness/host-network.ts';
import { missing } from '../harness/requirements.ts';

const port = await freePort();

describe('the metrics of a daemon', { skip: missing('runc') }, () => {
  let daemon: TestDaemon;

  before(async () => {
    daemon = new TestDaemon({ extraToml: `[crio.metrics]\nenable_metrics = true\nmetrics_port = ${port}\n` });
    await daemon.start();
  });

  after(() => daemon?.destroy());

  async function scrape(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    return response.text();
  }

  test("calls are counted under CRI-O's names", async () => {
    await daemon.client.runtime('Status', {});
    await assert.rejects(daemon.client.runtime('ContainerStatus', { containerId: 'absent' }));
    const text = await scrape();
    assert.match(text, /^container_runtime_crio_operations_total\{operation="Status"\} \d+$/m);
    assert.match(text, /^container_runtime_crio_operations_errors_total\{operation="ContainerStatus"\} 1$/m);
    assert.match(text, /^container_runtime_crio_default_runtime\{runtime="runc"\} 1$/m);
  });

  test('an address that is taken stops the start with its name', async () => {
    const other = new TestDaemon({
      extraToml: `[crio.metrics]\nenable_metrics = true\nmetrics_port = ${port}\n`,
    });
    try {
      const { exitCode, stdout, stderr } = await other.attempt();
      assert.equal(exitCode, 1);
      assert.match(stdout + stderr, new RegExp(`cannot serve metrics on "127.0.0.1:${port}"`));
    } finally {
      await other.destroy();
    }
  });
});
