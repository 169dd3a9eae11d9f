// One error for everything that is wrong with a configuration, so that it can be put right in one go.

export interface Problem {
  /** The file, `--flag` or environment variable that gave the value, or `default`. */
  readonly source: string;
  /** The key with its table: `crio.runtime.default_runtime`. */
  readonly key: string;
  readonly reason: string;
}

/** A problem on one line: `FILE: KEY: reason`. */
export function formatProblem({ source, key, reason }: Problem): string {
  return [source, key, reason].filter((part) => part !== '').join(': ');
}

/** The configuration cannot be used; the message has one line for each problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}
