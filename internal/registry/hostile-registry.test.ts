// Registries that try to keep a pull for ever, or to get what is not theirs.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import {
  openImage,
  registryClient,
  testTimeouts,
  transportTo,
  wanted,
} from '../../test/fakes/registry-client.ts';
import { never, useRegistryPair } from '../../test/fixtures/registry-pair.ts';
import { describeError } from '../errors/daemon-error.ts';
import type { BlobDescriptor, RemoteImage } from './registry.ts';

const credentials = { username: 'me', password: 'geheim', identityToken: '', registryToken: '' };
const pair = useRegistryPair();
const [digest, bytes] = [...pair.image.blobs][1]!;
const blob: BlobDescriptor = { digest, sizeBytes: bytes.length };

function open(host = pair.server.host, signal = never): Promise<RemoteImage> {
  return pair.open({ repository: { host, path: 'a/b' }, credentials }, signal);
}

async function readAll(remote: RemoteImage, wanted: BlobDescriptor, signal = never): Promise<number> {
  let length = 0;
  for await (const chunk of await remote.openBlob(wanted, signal)) length += chunk.length;
  return length;
}

test('a host that the registry redirects to cannot ask for credentials, neither by basic nor by bearer', async () => {
  const remote = await open();
  for (const challenge of ['Basic realm="x"', `Bearer realm="http://${pair.other.host}/token"`]) {
    pair.other.intercept = (_request, response) => {
      response.writeHead(401, { 'www-authenticate': challenge }).end();
      return true;
    };
    pair.server.intercept = (_request, response) => {
      response.writeHead(307, { location: `http://${pair.other.host}/bucket/blob?sig=1` }).end();
      return true;
    };
    await assert.rejects(remote.openBlob(blob, never), { kind: 'unauthenticated' });
  }
  assert.deepEqual(pair.other.requests, ['GET /bucket/blob?sig=1', 'GET /bucket/blob?sig=1']);
  assert.deepEqual(pair.other.authorizations, [undefined, undefined]);
});

test('a registry that sends a byte now and then is given up', async () => {
  const timers: NodeJS.Timeout[] = [];
  const misbehave: typeof pair.server.intercept = (_request, response) => {
    response.writeHead(_request.headers.range === undefined ? 200 : 206, {
      'content-range': `bytes ${/\d+/.exec(_request.headers.range ?? '') ?? 0}-`,
    });
    response.flushHeaders();
    timers.push(setInterval(() => void response.write('x'), 30));
    return true;
  };
  const large = { ...blob, sizeBytes: 1_000_000 };
  try {
    await pair.withTimeouts({ noProgressMs: 1_000 }, async () => {
      const remote = await open();
      pair.server.intercept = misbehave;
      await assert.rejects(readAll(remote, large), { kind: 'unknown', message: /^RegistryUnavailable: / });
    });
  } finally {
    for (const timer of timers) clearInterval(timer);
  }
  assert.equal(timers.length, 2);
});

test('a registry that cuts every connection is asked twice', async () => {
  const remote = await open();
  let asked = 0;
  pair.server.intercept = (_request, response) => {
    asked += 1;
    response.writeHead(200, { 'content-length': blob.sizeBytes }).flushHeaders();
    setTimeout(() => response.destroy(), 20);
    return true;
  };
  await assert.rejects(readAll(remote, blob), { kind: 'unknown', message: /^RegistryUnavailable: / });
  assert.equal(asked, 2);
});

test('many pulls leave no listener and use few connections', async () => {
  const abort = new AbortController();
  for (let round = 0; round < 100; round += 1) {
    const remote = await open(pair.server.host, abort.signal);
    assert.equal(await readAll(remote, blob, abort.signal), blob.sizeBytes);
  }
  assert.ok(pair.server.connections < 110, `${pair.server.connections} connections`);
  assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
});

test('a host that no address can have is an invalid argument', async () => {
  for (const host of ['r.example:99999', '1.2.3.4.5', '[:::]:5000']) {
    await assert.rejects(open(host), { kind: 'invalid-argument', message: /is not a valid host or port$/ });
  }
});

/** Each misbehaviour of the manifest's answer ends in these words. */
async function assertManifestRefused(
  expected: RegExp,
  misbehave: (response: ServerResponse) => void,
): Promise<void> {
  pair.server.intercept = (_request, response, path) => {
    if (path.includes('/manifests/')) misbehave(response);
    return path.includes('/manifests/');
  };
  await assert.rejects(open(), (error: Error) => {
    assert.match(error.message, expected);
    assert.ok(!error.message.includes('geheim'));
    return true;
  });
}

test('a head or a document that comes byte by byte is given up', async () => {
  const timers: NodeJS.Timeout[] = [];
  try {
    await pair.withTimeouts({ responseMs: 300 }, () =>
      assertManifestRefused(/it does not answer$/, (response) => {
        response.socket?.write('HTTP/1.1 200 OK\r\n');
        timers.push(setInterval(() => void response.socket?.write('X-A: b\r\n'), 20));
      }),
    );
    await pair.withTimeouts({ documentMs: 200, noProgressMs: 150 }, () =>
      assertManifestRefused(/it does not answer$/, (response) => {
        response.writeHead(200);
        timers.push(setInterval(() => void response.write('x'.repeat(1500)), 20));
      }),
    );
  } finally {
    for (const timer of timers) clearInterval(timer);
  }
});

test('answers that are no HTTP, too long in the head, or of a wrong length are told', async () => {
  await assertManifestRefused(/it does not answer in HTTP \(HPE_[A-Z_]+\)$/, (response) => {
    response.socket?.end('SSH-2.0-OpenSSH\r\n');
  });
  await assertManifestRefused(/its answer has too large a header$/, (response) => {
    response.writeHead(200, { 'x-much': 'y'.repeat(100_000) }).end();
  });
  await assertManifestRefused(/the connection was cut$/, (response) => {
    response.writeHead(200, { 'content-length': '999' }).write('{');
    setTimeout(() => response.destroy(), 10);
  });
  await assertManifestRefused(/HTTP \(HPE_|the connection was cut/, (response) => {
    response.socket?.end('HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx');
  });
});

test('tokens without an end, of great length, or with a line break are not used', async () => {
  const endless = (response: ServerResponse): void => {
    const pour = (): void => {
      while (!response.destroyed && response.write(' '.repeat(65_536)));
    };
    response.writeHead(200).on('drain', pour);
    pour();
  };
  const answers: ((response: ServerResponse) => void)[] = [
    endless,
    (response) => void response.end(JSON.stringify({ token: 'x'.repeat(70_000) })),
    (response) => void response.end(JSON.stringify({ token: 'a\r\nX-Evil: b' })),
    (response) => void response.end('{"token":17}'),
    (response) => void response.end('[]'),
    (response) => void response.end('null'),
  ];
  for (const answer of answers) {
    pair.server.intercept = (_request, response, path) => {
      if (path.startsWith('/token')) answer(response);
      else if (path === '/v2/') return false;
      else
        response
          .writeHead(401, { 'www-authenticate': `Bearer realm="http://${pair.server.host}/token"` })
          .end();
      return true;
    };
    await assert.rejects(open(), /has an authorization service that gave no usable token$/);
  }
});

test('a secret is in no error, however the authorization service fails', async () => {
  const failures: ((response: ServerResponse) => void)[] = [
    (response) => void response.writeHead(400).end('geheim'),
    (response) => void response.writeHead(403).end('{"errors":[{"code":"geheim"}]}'),
    (response) => void response.writeHead(418).end('geheim'),
    (response) => void response.destroy(),
  ];
  for (const fail of failures) {
    pair.server.intercept = (request, response, path) => {
      if (path.startsWith('/token')) fail(response);
      else if (path === '/v2/') return false;
      else {
        const realm = `http://${pair.server.host}/token?key=geheim`;
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` });
        response.end(request.headers.authorization);
      }
      return true;
    };
    await assert.rejects(open(), (error: unknown) => {
      const text = describeError(error);
      assert.ok(!text.includes('geheim') && !text.includes('bWU6Z2VoZWlt'), text);
      return true;
    });
  }
});

test('a name that leads to this node is not followed from elsewhere', async () => {
  const peer = { names: ['localhost'], verify: false, mustBeOutside: true };
  const url = new URL(`http://localhost:${pair.server.host.split(':')[1]}/v2/`);
  await assert.rejects(pair.transport.send({ method: 'GET', url, headers: {}, peer }, never), {
    code: 'EINWARD',
  });
  assert.deepEqual(pair.server.requests, []);
  const own = { ...peer, mustBeOutside: false };
  const response = await pair.transport.send({ method: 'GET', url, headers: {}, peer: own }, never);
  assert.equal(response.status, 200);
  await response.discard();
});

test('an insecure registry that leaves a TLS greeting unanswered is spoken to by http', async () => {
  const deaf = createServer((socket) => {
    socket.once('data', (bytes) => {
      if (bytes[0] === 0x16) return; // the first byte of a TLS record
      socket.end('HTTP/1.1 404 no\r\ncontent-length: 0\r\n\r\n');
    });
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
  const hasty = transportTo({ timeouts: { ...testTimeouts, connectMs: 1_000 } });
  const host = `127.0.0.1:${(deaf.address() as AddressInfo).port}`;
  try {
    const image = wanted({ host, path: 'a/b' }, 'v1');
    await assert.rejects(openImage(registryClient({ transport: hasty }), image), { kind: 'not-found' });
  } finally {
    hasty.close();
    deaf.close();
  }
});
