// What was said a moment ago need not be said again: for trails and logs that a stranger could fill.
export class News {
  private readonly saidAtMs = new Map<string, number>();

  constructor(
    private readonly everyMs: number,
    /** The one that was said longest ago is forgotten when there are more. */
    private readonly subjectsMax: number,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** Whether nothing was said of it within `everyMs`; from now on something was. */
  isNews(subject: string): boolean {
    const nowMs = this.nowMs();
    if (nowMs - (this.saidAtMs.get(subject) ?? -Infinity) < this.everyMs) return false;
    this.saidAtMs.delete(subject);
    if (this.saidAtMs.size >= this.subjectsMax) this.saidAtMs.delete(this.saidAtMs.keys().next().value ?? '');
    this.saidAtMs.set(subject, nowMs);
    return true;
  }
}
