// What a report of ginkgo in its JSON form says of each spec.

export interface SpecResult {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** Why it was skipped or what failed; empty for one that passed. */
  readonly reason: string;
}

interface SpecReport {
  readonly ContainerHierarchyTexts?: readonly string[] | null;
  readonly LeafNodeType: string;
  readonly LeafNodeText: string;
  readonly State: string;
  readonly Failure?: {
    readonly Message?: string;
    readonly Location?: { readonly FileName?: string; readonly LineNumber?: number };
  };
}

interface SuiteReport {
  readonly SuiteSucceeded: boolean;
  readonly SpecialSuiteFailureReasons?: readonly string[] | null;
  readonly SpecReports?: readonly SpecReport[] | null;
}

function nameOf({ ContainerHierarchyTexts, LeafNodeType, LeafNodeText }: SpecReport): string {
  return [...(ContainerHierarchyTexts ?? []), LeafNodeText].join(' ').trim() || LeafNodeType;
}

function reasonOf({ State, Failure }: SpecReport): string {
  const { FileName, LineNumber } = Failure?.Location ?? {};
  const place = State === 'skipped' || FileName === undefined ? '' : ` (${FileName}:${LineNumber})`;
  return `${Failure?.Message ?? State}${place}`;
}

/** One that was not chosen by the command line is «skipped» too, but without a word. */
function wasChosen({ State, Failure }: SpecReport): boolean {
  return State !== 'skipped' || (Failure?.Message ?? '') !== '';
}

function resultOf(spec: SpecReport): SpecResult {
  const outcome = spec.State === 'passed' || spec.State === 'skipped' ? spec.State : 'failed';
  return { name: nameOf(spec), outcome, reason: outcome === 'passed' ? '' : reasonOf(spec) };
}

function resultsOf(suite: SuiteReport): SpecResult[] {
  const specs = suite.SpecReports ?? [];
  // What runs before and after all specs counts only when it fails.
  const counted = specs.filter((spec) => spec.LeafNodeType === 'It' || spec.State !== 'passed');
  const results = counted.filter(wasChosen).map(resultOf);
  if (suite.SuiteSucceeded || results.some(({ outcome }) => outcome === 'failed')) return results;
  const reason = (suite.SpecialSuiteFailureReasons ?? []).join('; ') || 'it failed without a failed spec';
  return [...results, { name: 'the suite', outcome: 'failed', reason }];
}

/** The specs that were chosen, and a failed one called «the suite» when nothing else tells why it failed. */
export function readGinkgoReport(text: string): SpecResult[] {
  return (JSON.parse(text) as SuiteReport[]).flatMap(resultsOf);
}
