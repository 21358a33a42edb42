// When the container that an agent protects from within has ended: by its farewell, or because the agent is gone, as the application
// does not outlive it. One that is back meanwhile was restarted.
import { limits } from '../limits.ts';

export class InsideEnd {
  private isOver = false;
  private goneTimer: NodeJS.Timeout | undefined;
  private readonly waiting: (() => void)[] = [];

  /** `tell` says it to the installation. */
  constructor(private readonly tell: () => void) {}

  get ended(): boolean {
    return this.isOver;
  }

  connected(): void {
    clearTimeout(this.goneTimer);
    this.isOver = false;
  }

  hasEnded(): void {
    clearTimeout(this.goneTimer);
    if (this.isOver) return;
    this.isOver = true;
    this.tell();
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  /** Killed, or its container was: no farewell came. */
  gone(): void {
    if (this.isOver) return;
    this.goneTimer = setTimeout(() => {
      this.hasEnded();
    }, limits.insideGoneMs);
  }

  /** Who is stopped together with the application (a pod, a compose file) hears of its end first, if that comes soon. */
  async untilEnded(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      if (this.isOver) resolve();
      else this.waiting.push(resolve);
    });
    await Promise.race([ended, pass(limits.insideEndWaitMs)]);
    await pass(limits.insideEndSendMs);
  }
}

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
