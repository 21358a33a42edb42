// Waiting longer after each failure, and not all hosts at the same moment.
export class BackOff {
  private failures = 0;

  constructor(
    private readonly firstMs: number,
    private readonly maxMs: number,
    private readonly random: () => number = Math.random,
  ) {}

  /** Between half and all of the doubled wait. */
  nextMs(): number {
    const fullMs = Math.min(this.maxMs, this.firstMs * 2 ** Math.min(this.failures, 30));
    this.failures++;
    return Math.round(fullMs * (0.5 + this.random() / 2));
  }

  reset(): void {
    this.failures = 0;
  }
}
