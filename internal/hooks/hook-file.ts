// One file of a hooks directory, version 1.0.0 or the older 0.1.0 (oci-hooks(5)).

import { Fields, FileError } from '../documents/fields.ts';
import { type HookPoint, hookPoints } from '../documents/hook-points.ts';
import type { HookDefinition } from './hooks.ts';

/** Throws a FileError that names the field. */
export function parseHookFile(file: string, text: string): HookDefinition {
  const root = new Fields(parseJson(text), '');
  const version = root.text('version');
  if (version === '1.0.0') return currentForm(file, root);
  if (version === '' || version === '0.1.0') return oldForm(file, root);
  throw new FileError(`version "${version}" is not known (1.0.0 and 0.1.0 are)`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new FileError('it is not JSON');
  }
}

function currentForm(file: string, root: Fields): HookDefinition {
  const hook = root.object('hook');
  const when = root.object('when');
  return {
    file,
    hook: {
      path: hook.absolutePath('path'),
      args: hook.texts('args'),
      env: hook.texts('env'),
      timeoutSeconds: hook.count('timeout'),
    },
    stages: stagesOf(root, root.texts('stages')),
    when: {
      always: when.flag('always'),
      hasBindMounts: when.flag('hasBindMounts'),
      annotations: Object.entries(when.table('annotations')).map(([name, value]) => ({
        name: pattern(name),
        value: pattern(value),
      })),
      commands: when.texts('commands').map(pattern),
    },
  };
}

/** Commands alone were patterns here, and annotations patterns of values. */
function oldForm(file: string, root: Fields): HookDefinition {
  return {
    file,
    hook: {
      path: root.absolutePath('hook'),
      args: root.texts('arguments'),
      env: [],
      timeoutSeconds: undefined,
    },
    stages: stagesOf(root, [...root.texts('stages'), ...root.texts('stage')]),
    when: {
      always: undefined,
      hasBindMounts: root.flag('hasbindmounts'),
      annotations: [...root.texts('annotations'), ...root.texts('annotation')].map((value) => ({
        name: /.*/,
        value: pattern(value),
      })),
      commands: [...root.texts('cmds'), ...root.texts('cmd')].map(pattern),
    },
  };
}

function stagesOf(root: Fields, stages: readonly string[]): HookPoint[] {
  if (stages.length === 0) throw new FileError(`${root.where}stages: no stage is named`);
  return stages.map((stage) => {
    const known = hookPoints.find((name) => name === stage);
    if (known === undefined) throw new FileError(`stage "${stage}" is not one of ${hookPoints.join(', ')}`);
    return known;
  });
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new FileError(`"${text}" is not a regular expression`);
  }
}
