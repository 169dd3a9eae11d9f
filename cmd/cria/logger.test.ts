import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textLine } from './log-text.ts';
import { createLogger, type LogFormat, type LogLevel } from './logger.ts';

function logged(
  level: LogLevel,
  format: LogFormat,
  write: (logger: ReturnType<typeof createLogger>) => void,
): string[] {
  const lines: string[] = [];
  write(createLogger(level, format, { write: (line) => void lines.push(line) }));
  return lines;
}

function withoutTime(line: string): string {
  return line.replace(/^time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z" /, '');
}

test('createLogger writes lines in the form of logrus', () => {
  const lines = logged('info', 'text', (logger) => {
    logger.info({ containerId: 'abc', count: 3, path: '/a b', none: undefined }, 'started container "x"');
    logger.warn({}, 'careful');
    logger.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed');
  });
  assert.deepEqual(lines.map(withoutTime), [
    'level=info msg="started container \\"x\\"" containerId=abc count=3 path="/a b"\n',
    'level=warning msg="careful"\n',
    'level=error msg="failed" err="outer: inner"\n',
  ]);
});

test('createLogger keeps one record on one line', () => {
  const lines = logged('info', 'text', (logger) => {
    logger.info({ text: 'two\nlines', nanos: 1_700_000_000_000_000_001n, list: ['a', 'b'] }, 'one\ntwo');
  });
  assert.deepEqual(lines.map(withoutTime), [
    'level=info msg="one\\ntwo" text="two\\nlines" nanos=1700000000000000001 list="[\\"a\\",\\"b\\"]"\n',
  ]);
});

test('createLogger drops what is below its level and follows setLevel', () => {
  const messages = logged('warn', 'text', (logger) => {
    logger.info({}, 'dropped');
    logger.setLevel('debug');
    logger.debug({}, 'kept');
    logger.setLevel('panic');
    logger.error({}, 'dropped too');
  });
  assert.deepEqual(messages.map(withoutTime), ['level=debug msg="kept"\n']);
});

test('createLogger writes JSON on demand', () => {
  const [line = ''] = logged('trace', 'json', (logger) => logger.trace({ containerId: 'abc' }, 'looked'));
  const { time, ...rest } = JSON.parse(line) as Record<string, unknown>;
  assert.equal(typeof time, 'number');
  assert.deepEqual(rest, { level: 'trace', containerId: 'abc', msg: 'looked' });
});

test('textLine passes on what is no record', () => {
  assert.equal(textLine('plain words\n'), 'plain words\n');
});
