// Where a command's words go.

export interface Terminal {
  /** The result, for people and pipes. */
  out(text: string): void;
  /** Errors and warnings. */
  err(text: string): void;
}

export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};
