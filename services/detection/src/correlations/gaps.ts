// Stretches of a host's events that are known to be lost: a count over them may be short, an absence may be none.
import { type BatchView, event } from '@norn/contracts';
import { limits } from '../limits.ts';

interface Gap {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly events: number;
}

export class Gaps {
  private gaps: readonly Gap[] = [];

  note({ baseTimeUs, columns }: BatchView): void {
    const { kind, timeOffsetUs, value, result } = columns;
    for (let row = kind.indexOf(event.EventKind.GAP); row >= 0; row = kind.indexOf(event.EventKind.GAP, row + 1)) {
      const untilMs = (baseTimeUs + (timeOffsetUs[row] ?? 0)) / 1000;
      const gap = { fromMs: untilMs - (result[row] ?? 0), untilMs, events: Number(value[row] ?? 0n) };
      this.gaps = [...this.gaps, gap].slice(-limits.gapsPerHostMax);
    }
  }

  eventsLost(fromMs: number, untilMs: number): number {
    const touching = this.gaps.filter((gap) => gap.untilMs >= fromMs && gap.fromMs <= untilMs);
    return touching.reduce((sum, { events }) => sum + events, 0);
  }
}
