// Undo steps for an operation of several steps. See ARCHITECTURE.md, "Cleanup".

export type Undo = () => Promise<void> | void;
export type RegisterUndo = (step: string, undo: Undo) => void;

/**
 * Runs `body`; when it throws, runs every registered undo step, newest first, and rethrows the first error.
 *
 * One undo step that fails does not stop the others: `onUndoFailed` is told its name and the cause. Undo steps must
 * not use the request's AbortSignal; they bound themselves.
 */
export async function withRollback<T>(
  onUndoFailed: (step: string, cause: unknown) => void,
  body: (rollback: RegisterUndo) => Promise<T>,
): Promise<T> {
  const steps: { step: string; undo: Undo }[] = [];
  try {
    return await body((step, undo) => void steps.push({ step, undo }));
  } catch (cause) {
    for (const { step, undo } of steps.reverse()) {
      try {
        await undo();
      } catch (undoCause) {
        onUndoFailed(step, undoCause);
      }
    }
    throw cause;
  }
}

/** What becomes of the name and the records of something that was not made. */
export interface Remains {
  /** For when nothing else of it is left. */
  readonly forget: Undo;
  /** For when a step could not be undone, or it could not be forgotten: it stays visible, so that whoever removes it goes on there. */
  readonly keep: Undo;
}

/** Like `withRollback`; the last that it does of an undo is to `forget` what was to be made, or to `keep` it. */
export async function withRemains<T>(
  { forget, keep }: Remains,
  onUndoFailed: (step: string, cause: unknown) => void,
  body: (rollback: RegisterUndo) => Promise<T>,
): Promise<T> {
  let isUndone = true;
  const onFailed = (step: string, cause: unknown): void => {
    isUndone = false;
    onUndoFailed(step, cause);
  };
  return withRollback(onFailed, (rollback) => {
    rollback('keep', () => (isUndone ? undefined : keep()));
    rollback('forget', () => (isUndone ? forget() : undefined));
    return body(rollback);
  });
}
