// `kubectl exec -it` at a person's terminal.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Person } from '../harness/person.ts';
import type { ClusterWorld } from './cluster-world.ts';
import { allKubectls, type Kubectl } from './kubectl.ts';
import { pod, shell, waits } from './manifests.ts';

const name = 'terminals';

export function testTerminals(world: ClusterWorld): void {
  before(() => world.ready(pod(name, shell(waits))));

  /** A person at the prompt of a shell in the pod. */
  async function atPrompt(kubectl: Kubectl, use: (person: Person) => Promise<void>): Promise<void> {
    const person = new Person(kubectl.argv('exec', '-it', name, '--', 'sh'));
    try {
      await person.sees(/\/ # /);
      await use(person);
    } finally {
      person.hangUp();
    }
  }

  for (const kubectl of allKubectls()) {
    test(`${kubectl.title}: keys, Ctrl-C, the size and its changes, and the shell's code`, () =>
      atPrompt(kubectl, async (person) => {
        await person.seesFirstSize();
        await person.interruptsAndResizes();
        person.type('exit 7\r');
        assert.equal(await person.exit, 7);
      }));

    test(`${kubectl.title}: Ctrl-D ends the shell`, () =>
      atPrompt(kubectl, async (person) => {
        person.type('\u0004');
        assert.equal(await person.exit, 0);
      }));

    test(`${kubectl.title}: a closed window ends the shell and what it runs`, async () => {
      const before = await world.traces();
      await atPrompt(kubectl, async (person) => {
        person.type('echo work""ing; sleep 100000\r');
        await person.sees(/\nworking\r/);
      });
      await world.noTraces(before);
    });
  }
}
