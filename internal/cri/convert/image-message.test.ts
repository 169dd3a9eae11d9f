import assert from 'node:assert/strict';
import { test } from 'node:test';
import { receivedResponse } from '../../../test/fixtures/cri-messages.ts';
import type { ImageStatusResponse__Output } from '../gen/runtime/v1/ImageStatusResponse.ts';
import { imageMessage } from './image-message.ts';
import { stopSignal, stopSignalToMessage } from './stop-signal.ts';

const image = {
  id: 'i1',
  repoTags: ['example.test/a:1'],
  repoDigests: [],
  sizeBytes: 5_000_000_000,
  createdAt: new Date(0),
  uid: undefined,
  username: 'www-data',
  pinned: true,
};

function received(part: Partial<{ uid: number; sizeBytes: number }>) {
  const response = { image: imageMessage({ ...image, ...part }) };
  return receivedResponse<ImageStatusResponse__Output>('ImageStatus', response, 'ImageService').image;
}

test('imageMessage, as a client receives it', () => {
  assert.deepEqual(received({}), {
    id: 'i1',
    repoTags: ['example.test/a:1'],
    repoDigests: [],
    size: '5000000000',
    uid: null,
    username: 'www-data',
    spec: { image: 'i1', annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' },
    pinned: true,
  });
});

test('imageMessage has a uid or a name, and a size', () => {
  const message = received({ uid: 0, sizeBytes: 0 });
  assert.deepEqual([message?.uid, message?.username, message?.size], [{ value: '0' }, '', '1']);
});

test('stop signals go there and back', () => {
  for (const name of ['', 'SIGTERM', 'SIGUSR1', 'SIGRTMIN', 'SIGRTMIN+15', 'SIGRTMAX-14', 'SIGRTMAX']) {
    assert.equal(stopSignal(stopSignalToMessage(name)), name);
  }
  assert.equal(stopSignalToMessage('SIGNONSENSE'), 'RUNTIME_DEFAULT');
});
