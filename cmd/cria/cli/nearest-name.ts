// The known name that somebody may have meant.

/** The name nearest to `wanted`, if few enough letters differ; for "did you mean". */
export function nearestName(wanted: string, names: readonly string[]): string | undefined {
  const ranked = names
    .filter((name) => name !== '')
    .map((name) => ({ name, distance: editDistance(wanted, name) }))
    .sort((left, right) => left.distance - right.distance);
  const best = ranked[0];
  // Two other letters make a word of three into nearly any other.
  const most = wanted.length < 4 ? 1 : Math.max(2, wanted.length / 3);
  return best !== undefined && best.distance <= most ? best.name : undefined;
}

/** Letters to insert, delete or replace to make `from` into `to` (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (let at = 1; at <= to.length; at++) {
      const replaced = (row[at - 1] ?? 0) + (letter === to[at - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
