// Bytes taken from hosts and not yet in Kafka. Who finds no room waits, and by not reading makes the host wait.
export class InFlight {
  private used = 0;
  private waiters: (() => void)[] = [];

  constructor(private readonly bytesMax: number) {}

  get bytes(): number {
    return this.used;
  }

  /** Takes even when full: one message more than the bound is held, never refused. */
  take(bytes: number): void {
    this.used += bytes;
  }

  give(bytes: number): void {
    this.used -= bytes;
    if (this.used >= this.bytesMax) return;
    const woken = this.waiters;
    this.waiters = [];
    for (const wake of woken) wake();
  }

  /** Resolves when there is room. */
  async room(): Promise<void> {
    while (this.used >= this.bytesMax) await new Promise<void>((resolve) => this.waiters.push(resolve));
  }
}
