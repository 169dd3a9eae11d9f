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
