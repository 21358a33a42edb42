// How many rows may wait in this process for their insert: beyond, whoever brings more waits.

export class RowBudget {
  private taken = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly max: number) {}

  get rows(): number {
    return this.taken;
  }

  take(rows: number): void {
    this.taken += rows;
  }

  give(rows: number): void {
    this.taken -= rows;
    for (const wake of this.waiting) wake();
  }

  /** Resolves when there is room, or when something was given back that may have been asked for. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.taken >= this.max) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.waiting.add(wake);
        signal.addEventListener('abort', wake);
      });
    }
  }
}
