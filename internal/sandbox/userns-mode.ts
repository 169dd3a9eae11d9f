// CRI-O's annotation for a user namespace whose ids the node chooses: `auto` or `auto:NAME=VALUE;NAME=VALUE`.

import { badFeature, type PodFeatures } from '../container/pod-features.ts';

/** CRI-O's default too. */
const usualSize = 65_536;
const largestSize = 2 ** 32 - 1;
/** Options that CRI-O has and that ask for more than one range of ids. */
const switches = ['keep-id', 'map-to-root'];
const mappings = ['uidmapping', 'gidmapping'];

export interface UsernsMode {
  /** How many ids the namespace has, of users and of groups. */
  readonly size: number;
}

/** Undefined where the pod says nothing, or is not allowed to; `invalid-argument` for what is not known or not supported. */
export function usernsModeOf(features: PodFeatures): UsernsMode | undefined {
  const text = features.value('usernsMode');
  if (text === undefined || text === '') return undefined;
  const bad = (expected: string): Error => badFeature('usernsMode', text, expected);
  const [, mode = '', list] = /^([^:]*)(?::(.*))?$/s.exec(text) ?? [];
  if (mode === 'private') throw bad('"auto" or "auto:size=N": mode "private" is not supported');
  if (mode !== 'auto') throw bad('"auto" or "auto:size=N"');
  let size = usualSize;
  for (const item of list === undefined ? [] : list.split(';')) {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(item) ?? [];
    if (name === 'size') {
      size = /^\d{1,10}$/.test(value) ? Number(value) : 0;
      if (size < 1 || size > largestSize) throw bad('as size a whole number from 1 on');
    } else if (mappings.includes(name) || (switches.includes(name) && value === 'true'))
      throw bad(`"auto" or "auto:size=N": option "${name}" is not supported`);
    else if (!switches.includes(name) || value !== 'false') throw bad('"auto" or "auto:size=N"');
  }
  return { size };
}
