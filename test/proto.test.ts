// The CRI interface file: it loads, and has what the kubelet of its version calls.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadSync } from '@grpc/proto-loader';

const path = fileURLToPath(new URL('../../proto/runtime/v1/api.proto', import.meta.url));
const definitions = loadSync(path);

function methodsOf(service: string): string[] {
  return Object.keys(definitions[`runtime.v1.${service}`] ?? {});
}

test('the proto has the 35 runtime and 6 image calls of CRI v1', () => {
  assert.equal(methodsOf('RuntimeService').length, 35);
  assert.equal(methodsOf('ImageService').length, 6);
});

test('the proto streams exactly the calls whose name says so, and events', () => {
  const streaming = ['RuntimeService', 'ImageService'].flatMap((service) =>
    Object.entries(definitions[`runtime.v1.${service}`] as Record<string, { responseStream: boolean }>)
      .filter(([, method]) => method.responseStream)
      .map(([name]) => name),
  );
  assert.deepEqual(streaming, [
    'StreamPodSandboxes',
    'StreamContainers',
    'StreamContainerStats',
    'StreamPodSandboxStats',
    'GetContainerEvents',
    'StreamPodSandboxMetrics',
    'StreamImages',
  ]);
});

test('every service, call, enum and message of the proto has a comment', () => {
  const lines = readFileSync(path, 'utf8').split('\n');
  const bare = lines.filter((line, index) => {
    const isDeclaration = /^\s*(service|rpc|enum|message) /.test(line);
    return isDeclaration && !/^\s*\/\//.test(lines[index - 1] ?? '');
  });
  assert.deepEqual(bare, []);
});
