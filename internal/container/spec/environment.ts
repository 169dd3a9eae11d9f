import { DaemonError } from '../../errors/daemon-error.ts';
import type { ContainerConfig } from '../container-config.ts';

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface EnvironmentInput {
  /** From the config file; lowest. */
  readonly defaults: readonly string[];
  readonly image: readonly string[];
  readonly request: ContainerConfig['envs'];
  readonly hostname: string;
  readonly home: string;
  readonly tty: boolean;
}

/**
 * The environment, each name once: our own PATH, TERM, HOSTNAME and HOME, then the config file's, the image's and at
 * last the request's, where the later one wins and keeps the place of the first.
 */
export function environment(input: EnvironmentInput): readonly string[] {
  const env = new Map<string, string>([['PATH', defaultPath]]);
  if (input.tty) env.set('TERM', 'xterm');
  env.set('HOSTNAME', input.hostname);
  env.set('HOME', input.home);
  for (const entry of [...input.defaults, ...input.image]) addEntry(env, entry);
  for (const { key, value } of input.request) {
    checkName(key);
    checkValue(key, value);
    env.set(key, value);
  }
  if (env.get('PATH') === '') env.set('PATH', defaultPath);
  return [...env].map(([name, value]) => `${name}=${value}`);
}

function addEntry(env: Map<string, string>, entry: string): void {
  const end = entry.indexOf('=');
  // Images do hold entries without a `=`; execve(2) would take them, but no program can read them back.
  if (end <= 0) return;
  const name = entry.slice(0, end);
  const value = entry.slice(end + 1);
  checkName(name);
  checkValue(name, value);
  env.set(name, value);
}

function checkName(name: string): void {
  if (name === '' || /[=\0\n\r]/.test(name)) {
    throw new DaemonError(
      'invalid-argument',
      `environment name ${JSON.stringify(name)} is empty or holds "=", a line break or NUL`,
    );
  }
}

// The value is not shown: it may be a secret. Line breaks are legal in a value; in HOME they are not, since programs
// copy it into passwd lines (CVE-2022-4318).
function checkValue(name: string, value: string): void {
  if (value.includes('\0') || (name === 'HOME' && /[\n\r:]/.test(value))) {
    throw new DaemonError(
      'invalid-argument',
      `the value of environment variable "${name}" holds a forbidden character`,
    );
  }
}
