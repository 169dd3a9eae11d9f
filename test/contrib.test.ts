// The files that a node gets from contrib/ fit the program.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseArguments } from '../cmd/cria/cli/parse-arguments.ts';
import { loadConfig, usualConfigInputs } from '../internal/config/load-config.ts';
import { defaultConfig } from '../internal/config/options.ts';
import { checkValues } from '../internal/config/validate-config.ts';

const contrib = fileURLToPath(new URL('../../contrib/', import.meta.url));

function textOf(name: string): string {
  return readFileSync(`${contrib}${name}`, 'utf8');
}

test('the sample drop-in file loads without a problem and without a warning', async () => {
  const configDir = `${contrib}crio.conf.d`;
  const loaded = await loadConfig({
    ...usualConfigInputs,
    configFile: '',
    storageConf: { files: [], driver: undefined, options: undefined },
    configDir,
  });
  assert.deepEqual(loaded.files, [`${configDir}/10-cria.conf`]);
  assert.deepEqual(loaded.warnings, []);
  assert.deepEqual(checkValues(loaded), []);
});

test('the CNI network list has an address range of each family and a route for each', () => {
  const list = JSON.parse(textOf('cni/10-cria-bridge.conflist')) as {
    plugins: { ipam: { ranges: { subnet: string }[][]; routes: { dst: string }[] } }[];
  };
  const ipam = list.plugins[0]?.ipam;
  assert.deepEqual(ipam?.ranges.flat(), [{ subnet: '10.85.0.0/16' }, { subnet: '1100:200::/24' }]);
  assert.deepEqual(ipam?.routes, [{ dst: '0.0.0.0/0' }, { dst: '::/0' }]);
});

test('crictl.yaml names the socket that the daemon listens on', () => {
  const endpoints = [...textOf('crictl.yaml').matchAll(/endpoint: unix:\/\/(.*)/g)].map(([, path]) => path);
  assert.deepEqual(endpoints, [defaultConfig().api.listen, defaultConfig().api.listen]);
});

test('the systemd unit keeps monitors alive, has the name of CRI-O and starts a command that exists', () => {
  const lines = textOf('systemd/cria.service').replaceAll('\\\n', '').split('\n');
  for (const line of ['Type=exec', 'KillMode=process', 'Alias=crio.service', 'Before=kubelet.service']) {
    assert.ok(lines.includes(line), line);
  }
  const command = lines.find((line) => line.startsWith('ExecStart='))?.slice('ExecStart='.length) ?? '';
  const [program, ...words] = command.split(/\s+/);
  assert.equal(program, '/usr/bin/cria');
  // systemd leaves out a variable that is not set.
  assert.equal(parseArguments(words.filter((word) => !word.startsWith('$'))).verb.name, '');
});
