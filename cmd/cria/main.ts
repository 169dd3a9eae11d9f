#!/usr/bin/env node

// The program `cria`.

import { runCommandLine } from './cli/run.ts';
import { processTerminal } from './cli/terminal.ts';
import { interruptedCodes } from './interruptible.ts';

process.exitCode = await runCommandLine(process.argv.slice(2), process.env, processTerminal());
// Who interrupts does not wait for a reader that takes nothing. Otherwise Node goes on until all is written.
if (interruptedCodes.includes(process.exitCode)) process.exit();
