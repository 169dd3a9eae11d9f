// Labels as text: user, role, type and level. Syntax of the level: a sensitivity with categories, or a range of two.

import { DaemonError } from '../errors/daemon-error.ts';
import type { Labels, SELinuxOptions } from './selinux.ts';

/** The labels that the policy has for containers. */
export interface ContainerContexts {
  readonly process: string;
  readonly file: string;
  /** Of files that all containers may read and run. */
  readonly readOnlyFile: string;
}

const name = /^[A-Za-z0-9_][\w.-]*$/;
const sensitivity = 's\\d+(?::c\\d+(?:[.,]c\\d+)*)?';
const level = new RegExp(`^${sensitivity}(?:-${sensitivity})?$`);

/** Reads lines such as `process = "system_u:system_r:container_t:s0"`; undefined without the two that are needed. */
export function parseContexts(text: string): ContainerContexts | undefined {
  const lines = text.matchAll(/^\s*(\w+)\s*=\s*"([^"]*)"\s*$/gm);
  const found = new Map([...lines].map(([, key = '', value = '']) => [key, value]));
  const [process, file] = [found.get('process'), found.get('file')];
  if (process === undefined || file === undefined) return undefined;
  return { process, file, readOnlyFile: found.get('ro_file') ?? file };
}

/** The policy's labels for a pod of this level. */
export function labelsAt(contexts: ContainerContexts, mcsLevel: string): Labels {
  return {
    process: joined({ ...parsed(contexts.process), level: mcsLevel }),
    mount: joined({ ...parsed(contexts.file), level: mcsLevel }),
  };
}

/** What the options name takes the place of what the labels have; files follow the process in user and level alone. */
export function withOptions(labels: Labels, options: SELinuxOptions | undefined): Labels {
  if (options === undefined) return labels;
  check(options);
  const { user, role, type, level: newLevel } = options;
  const process = parsed(labels.process);
  const mount = parsed(labels.mount);
  return {
    process: joined({
      user: user || process.user,
      role: role || process.role,
      type: type || process.type,
      level: newLevel || process.level,
    }),
    mount: joined({ ...mount, user: user || mount.user, level: newLevel || mount.level }),
  };
}

export function levelOf(label: string): string {
  return parsed(label).level;
}

function check({ user, role, type, level: asked }: SELinuxOptions): void {
  const bad = [user, role, type].find((part) => part !== '' && !name.test(part));
  if (bad !== undefined)
    throw new DaemonError('invalid-argument', `SELinux option ${JSON.stringify(bad)} is not a name`);
  if (asked !== '' && !level.test(asked)) {
    const text = `SELinux level ${JSON.stringify(asked)} is not of the form s0, s0:c1,c2 or s0-s0:c0.c1023`;
    throw new DaemonError('invalid-argument', text);
  }
}

/** The level may hold colons itself. */
function parsed(label: string): SELinuxOptions {
  const [user = '', role = '', type = '', ...rest] = label.split(':');
  return { user, role, type, level: rest.join(':') };
}

function joined({ user, role, type, level: last }: SELinuxOptions): string {
  return [user, role, type, ...(last === '' ? [] : [last])].join(':');
}
