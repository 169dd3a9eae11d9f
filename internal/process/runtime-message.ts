// What an OCI runtime says on stderr, as a sentence for people.

/**
 * The runtime's words without its log's decoration. runc and crun write `time="…" level=error msg="…"`, runsc JSON; the time must
 * go, because the kubelet folds equal events and no two of these would be equal. Where there is an error, the
 * warnings around it are left out: runc warns of a frozen cgroup that is gone after the error that matters.
 */
export function runtimeMessage(text: string): string {
  // the processes of runsc end their lines not always
  const lines = text.split(/\n|(?<=\})(?=\{"msg":)/).map((line) => parseLine(line.trim()));
  const errors = lines.filter(({ level }) => level === 'error' || level === 'fatal');
  const said = (errors.length > 0 ? errors : lines).map(({ message }) => message);
  return [...new Set(said.filter((message) => message !== ''))].join('; ').replace(/\.$/, '');
}

interface LogLine {
  readonly level: string;
  readonly message: string;
}

function parseLine(line: string): LogLine {
  const object = parseJsonLine(line);
  if (object !== undefined) return object;
  const [, level, quoted] = /^time="?[^ "]*"? level=(\w+) msg="((?:[^"\\]|\\.)*)"/.exec(line) ?? [];
  if (level === undefined || quoted === undefined)
    return { level: '', message: line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z?:? /, '') };
  const message = quoted.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? ' ' : escaped));
  return { level, message };
}

/** As runsc writes its log, and others with `--log-format json`. */
function parseJsonLine(line: string): LogLine | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { level, msg } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    return typeof level === 'string' && typeof msg === 'string' ? { level, message: msg } : undefined;
  } catch {
    return undefined; // the words of a program that happen to begin so
  }
}
