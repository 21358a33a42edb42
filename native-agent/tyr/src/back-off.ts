// Waiting longer after each failure, and not all hosts at the same moment.
import { backOffMs, type Wait } from '@norn/base';

export class BackOff {
  private failures = 0;

  constructor(
    private readonly wait: Wait,
    private readonly random: () => number = Math.random,
  ) {}

  /** Between half and all of the doubled wait. */
  nextMs(): number {
    const fullMs = backOffMs(this.failures, this.wait);
    this.failures++;
    return Math.round(fullMs * (0.5 + this.random() / 2));
  }

  reset(): void {
    this.failures = 0;
  }
}
