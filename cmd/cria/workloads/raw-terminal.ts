// A person's terminal while a remote program has it: every key goes there, Ctrl-C too.

import { constants } from 'node:os';
import type { ReadStream } from 'node:tty';
import type { TerminalSize } from '../../../internal/cri-client/remote-command.ts';
import { disableOutputProcessing } from '../../../internal/sys/terminal.ts';

/** What ends a process that has no handler for it, besides the signals of which it is told to end. */
const endings = ['SIGHUP', 'SIGQUIT'] as const;
const stdinDescriptor = 0;

/**
 * Until the returned function is called, the terminal neither echoes nor interprets, in either direction. However this process ends, other than by
 * SIGKILL, the terminal is as it was.
 */
export function enterRawMode(stdin: ReadStream): () => void {
  const enter = (): void => {
    stdin.setRawMode(true);
    disableOutputProcessing(stdinDescriptor);
  };
  const goOn = (): void => {
    stdin.setRawMode(false); // what is set already is not set again
    enter();
  };
  const leave = (): void => {
    process.off('exit', leave);
    process.off('SIGCONT', goOn);
    for (const signal of endings) process.off(signal, end);
    if (!stdin.destroyed) stdin.setRawMode(false);
  };
  const end = (signal: NodeJS.Signals): void => process.exit(128 + constants.signals[signal]); // 'exit' follows
  process.on('exit', leave);
  process.on('SIGCONT', goOn); // who was stopped finds the shell's settings
  for (const signal of endings) process.on(signal, end);
  enter();
  return leave;
}

/** Tells the size of the terminal now and at each change, until the returned function is called. */
export function watchSize(tell: (size: TerminalSize) => void): () => void {
  const screen = [process.stdout, process.stderr].find(({ isTTY }) => isTTY);
  if (screen === undefined) return () => {};
  const told = (): void => {
    const { columns, rows } = screen;
    if (columns > 0 && rows > 0) tell({ columns, rows }); // a line without an end has neither
  };
  told();
  screen.on('resize', told); // SIGWINCH
  return () => screen.off('resize', told);
}
