// The daemon's log: to standard error, synchronous, so that the last words before an end are not lost.

import { destination, type Logger as PinoLogger, pino, stdSerializers } from 'pino';
import type { Config } from '../../internal/config/options.ts';
import type { Logger } from '../../internal/log/logger.ts';
import { textLine } from './log-text.ts';

export type LogLevel = Config['runtime']['log_level'];
export type LogFormat = Config['cria']['log_format'];

export interface DaemonLogger extends Logger {
  /** Takes effect with the next message. */
  setLevel(level: LogLevel): void;
}

/** What takes the finished lines. */
export interface LogSink {
  write(line: string): void;
}

// CRI-O's names; pino has no panic, and nothing here is worse than fatal.
const pinoLevels = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  fatal: 'fatal',
  panic: 'fatal',
} as const satisfies Record<LogLevel, string>;

/** A logger of this level and format; `sink` is for tests. */
export function createLogger(
  level: LogLevel,
  format: LogFormat,
  sink: LogSink = standardError(),
): DaemonLogger {
  const options = {
    level: pinoLevels[level],
    base: null,
    formatters: {
      level: (label: string) => ({ level: label === 'warn' ? 'warning' : label }),
      log: exactNumbers,
    },
    serializers: { err: stdSerializers.err, error: stdSerializers.err },
  };
  const stream = format === 'json' ? sink : { write: (line: string) => sink.write(textLine(line)) };
  const logger: PinoLogger = pino(options, stream);
  return {
    trace: (fields, message) => logger.trace(fields, message),
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    setLevel: (next) => {
      logger.level = pinoLevels[next];
    },
  };
}

// JSON readers round what is above 2^53: a time in nanoseconds goes out as text.
function exactNumbers(fields: Record<string, unknown>): Record<string, unknown> {
  const values = Object.entries(fields);
  if (!values.some(([, value]) => typeof value === 'bigint')) return fields;
  return Object.fromEntries(
    values.map(([key, value]) => [key, typeof value === 'bigint' ? String(value) : value]),
  );
}

function standardError(): LogSink {
  const stream = destination({ dest: 2, sync: true });
  // The journal's socket breaks when journald restarts; a daemon that died of it would take down the node's pods.
  stream.on('error', () => {});
  return stream;
}
