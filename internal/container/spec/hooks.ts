// Which of the administrator's hooks a container gets.

import type { HookDefinition } from '../../hooks/hooks.ts';
import type { HookSpec, HooksSpec } from '../../oci/runtime-spec.ts';

export interface HookSubject {
  /** Of pod and container, without those that the handler keeps from them: as under CRI-O a pod picks no hook by one. */
  readonly annotations: Readonly<Record<string, string>>;
  /** The first argument. */
  readonly command: string;
  /** The request mounts something of the host. */
  readonly hasBindMounts: boolean;
}

/** The hooks that fit, by stage, in the order of the definitions. */
export function hooksFor(definitions: readonly HookDefinition[], subject: HookSubject): HooksSpec {
  const hooks: Record<string, HookSpec[]> = {};
  for (const { hook, stages, when } of definitions) {
    if (!fits(when, subject)) continue;
    const { path, args, env, timeoutSeconds } = hook;
    const spec = {
      path,
      ...(args.length > 0 && { args }),
      ...(env.length > 0 && { env }),
      ...(timeoutSeconds !== undefined && { timeout: timeoutSeconds }),
    };
    for (const stage of stages) hooks[stage] = [...(hooks[stage] ?? []), spec];
  }
  return hooks;
}

function fits(when: HookDefinition['when'], subject: HookSubject): boolean {
  const { always, hasBindMounts, annotations, commands } = when;
  const conditions = [
    ...(always === undefined ? [] : [always]),
    ...(hasBindMounts === undefined ? [] : [hasBindMounts && subject.hasBindMounts]),
    ...annotations.map(({ name, value }) =>
      Object.entries(subject.annotations).some(([key, text]) => name.test(key) && value.test(text)),
    ),
    ...(commands.length === 0 ? [] : [commands.some((command) => command.test(subject.command))]),
  ];
  return conditions.length > 0 && conditions.every(Boolean);
}
