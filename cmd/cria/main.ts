#!/usr/bin/env node

// The program `cria`.

import { runCommandLine } from './cli/run.ts';
import { processTerminal } from './cli/terminal.ts';

process.exitCode = await runCommandLine(process.argv.slice(2), process.env, processTerminal());
