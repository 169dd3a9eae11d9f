// The log of Kubernetes programs: `Emmdd hh:mm:ss.micros pid file:line] text`, the first letter is the severity.

/** The texts of the errors in a log, each once, with their place and without time and pid. */
export function errorsIn(log: string): string[] {
  const lines = log.matchAll(/^[EF]\d{4} [\d:.]+ +\d+ ([^\]]+\] .*)$/gm);
  return [...new Set([...lines].map(([, text = '']) => text))];
}

/** A written list of errors that are no fault of the runtime, one per line: REGULAR EXPRESSION | why. */
export function parseKnownErrors(text: string): RegExp[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const at = line.lastIndexOf(' | ');
    if (at < 0) throw new Error(`the list of errors does not say why: ${line}`);
    return new RegExp(line.slice(0, at).trim());
  });
}
