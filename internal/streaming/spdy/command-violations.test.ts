import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { controlFrame, words } from '../../../test/harness/spdy-client.ts';
import { aborted, connected, mebibyte, opened, patient, there } from '../../../test/harness/spdy-command.ts';
import { acceptSpdyCommand } from './command-client.ts';

test('a stream that the request did not ask for is reset, as is a second one of a kind', async (t) => {
  const { server, spdy } = await connected(t);
  const streams = { stdin: false, stdout: true, stderr: false, terminal: false };
  const accepted = acceptSpdyCommand(server, 4, streams, patient);
  await spdy.open({ streamtype: 'error' });
  const odd = ['stdin', 'error', 'resize', 'nonsense', ''];
  const bad = await Promise.all(odd.map((streamtype) => spdy.offer({ streamtype })));
  await spdy.until('resets', () => bad.every((stream) => stream.resetStatus === 1));
  await spdy.open({ streamtype: 'stdout' });
  assert.equal((await accepted).stdin, undefined);
});

const violations: Readonly<Record<string, Buffer>> = {
  'another version': controlFrame(6, 0, words(1)).fill(2, 1, 2),
  'a control frame of a megabyte': controlFrame(4, 0, Buffer.alloc(mebibyte)),
  'a ping without an id': controlFrame(6, 0, Buffer.alloc(0)),
  'a stream without headers': controlFrame(1, 0, Buffer.alloc(10)),
  'headers that are none': controlFrame(8, 0, Buffer.alloc(100, 0xff)),
};

for (const [name, frame] of Object.entries(violations)) {
  test(`a violation of the protocol ends the session: ${name}`, async (t) => {
    const { client, spdy } = await opened(t);
    spdy.send(frame);
    assert.match(String(await aborted(client.gone)), /does not speak SPDY/);
    await spdy.until('the end', () => spdy.hasEnded);
    assert.equal(spdy.goAway, 1);
  });
}

test('what other versions of SPDY know, and frames of streams that are not there, are passed over', async (t) => {
  const { client, spdy, remote } = await opened(t);
  spdy.send(controlFrame(4, 0, words(1, 4, 100)));
  spdy.send(controlFrame(9, 0, words(1, 65_536)));
  spdy.send(controlFrame(0x7777, 0xff, Buffer.from('?')));
  spdy.send(controlFrame(3, 0, words(999, 5)));
  spdy.data(999, Buffer.from('to nobody'), 1);
  spdy.ping(2);
  spdy.ping(3);
  remote['stdin']!.end('good');
  assert.equal(String(await buffer(there(client.stdin))), 'good');
  await spdy.until('the answer to our ping', () => spdy.pings.includes(3));
  assert.deepEqual(spdy.pings, [3]);
});
