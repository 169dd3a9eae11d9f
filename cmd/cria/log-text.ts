// Log records as lines in the form of Go's logrus, which CRI-O writes and which node tools search:
//   time="2026-01-02T15:04:05.678Z" level=info msg="started container" containerId=abc

/** One line for a pino record given as JSON. A record that is no JSON is passed on as it is. */
export function textLine(record: string): string {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(record) as Record<string, unknown>;
  } catch {
    return record;
  }
  const { time, level, msg, ...rest } = fields;
  const pairs: [string, unknown][] = [
    ['time', typeof time === 'number' ? new Date(time).toISOString() : time],
    ['level', level],
    ['msg', msg ?? ''],
    ...Object.entries(rest),
  ];
  return `${pairs.map(([key, value]) => `${key}=${quoted(key, textOf(value))}`).join(' ')}\n`;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (isErrorRecord(value)) return value.message;
  return JSON.stringify(value) ?? '';
}

/** What pino makes of an Error. */
function isErrorRecord(value: unknown): value is { type: string; message: string; stack: string } {
  return typeof value === 'object' && value !== null && 'message' in value && 'stack' in value;
}

// logrus leaves plain words bare; time and message are always quoted.
function quoted(key: string, text: string): string {
  const isBare = key !== 'time' && key !== 'msg' && /^[A-Za-z0-9\-._/@^+]+$/.test(text);
  return isBare ? text : JSON.stringify(text);
}
