// What an OCI runtime says on stderr, as a sentence for people.

/**
 * The runtime's last words without its log's decoration. runc and crun write `time="…" level=error msg="…"`; the time
 * must go, because the kubelet folds equal events and no two of these would be equal.
 */
export function runtimeMessage(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => messageOfLine(line.trim()))
    .filter((line) => line !== '');
  return [...new Set(lines)].join('; ').replace(/\.$/, '');
}

function messageOfLine(line: string): string {
  const quoted = /^time="?[^ "]*"? level=\w+ msg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1];
  if (quoted === undefined) return line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z?:? /, '');
  return quoted.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? ' ' : escaped));
}
