// `crictl exec -it` at a person's terminal, by both of its transports.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TestDaemon } from '../harness/daemon.ts';
import { Person } from '../harness/person.ts';
import { missing } from '../harness/requirements.ts';
import { StreamWorld } from '../harness/stream-world.ts';

describe('crictl exec on a terminal', { skip: missing('runc', 'crictl') }, () => {
  const world = new StreamWorld(new TestDaemon());

  before(() => world.start());
  after(() => world.daemon.destroy());

  for (const transport of ['spdy', 'websocket']) {
    test(`${transport}: keys, Ctrl-C, the size and its changes`, async () => {
      const person = new Person(world.crictl.argv('exec', '-r', transport, '-it', world.containerId, 'sh'));
      try {
        await person.sees(/\/ # /);
        await person.seesFirstSize();
        await person.interruptsAndResizes();
        person.type('exit 7\r');
        await person.sees(/exit code:? 7\b/);
        assert.equal(await person.exit, 1, 'crictl itself has one code for all failures');
      } finally {
        person.hangUp();
      }
    });
  }
});
