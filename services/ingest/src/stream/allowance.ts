// So many of something for each host in so much time: what a host can ask for again and again, and each time leaves something behind.

export interface AllowanceOptions {
  readonly most: number;
  readonly everyMs: number;
  /** The one whose time began longest ago is forgotten when there are more. */
  readonly subjectsMax: number;
  /** Milliseconds of a clock that only moves forward. */
  readonly nowMs?: () => number;
}

interface Taken {
  times: number;
  readonly sinceMs: number;
}

export class Allowance {
  private readonly taken = new Map<string, Taken>();
  private readonly nowMs: () => number;

  constructor(private readonly options: AllowanceOptions) {
    this.nowMs = options.nowMs ?? ((): number => performance.now());
  }

  /** Whether there is one left, which is taken then. */
  take(subject: string): boolean {
    const { most, everyMs, subjectsMax } = this.options;
    const nowMs = this.nowMs();
    const taken = this.taken.get(subject);
    if (taken !== undefined && nowMs - taken.sinceMs < everyMs) {
      taken.times += 1;
      return taken.times <= most;
    }
    this.taken.delete(subject);
    if (this.taken.size >= subjectsMax) this.taken.delete(this.taken.keys().next().value ?? '');
    this.taken.set(subject, { times: 1, sinceMs: nowMs });
    return true;
  }
}
