// Stretches of a host's events that are known to be lost: a count over them may be short, an absence may be none.
import { type BatchView, event } from '@norn/contracts';
import { limits } from '../limits.ts';

export interface Gap {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly events: number;
}

export class Gaps {
  private gaps: readonly Gap[] = [];

  constructor(private readonly max: number = limits.gapsPerHostMax) {}

  note(gaps: readonly Gap[]): void {
    if (gaps.length > 0) this.gaps = [...this.gaps, ...gaps].slice(-this.max);
  }

  eventsLost(fromMs: number, untilMs: number): number {
    const touching = this.gaps.filter((gap) => gap.untilMs >= fromMs && gap.fromMs <= untilMs);
    return touching.reduce((sum, { events }) => sum + events, 0);
  }
}

export function gapsOf({ baseTimeUs, columns }: BatchView): Gap[] {
  const { kind, timeOffsetUs, value, result } = columns;
  const gaps: Gap[] = [];
  for (let row = kind.indexOf(event.EventKind.GAP); row >= 0; row = kind.indexOf(event.EventKind.GAP, row + 1)) {
    const untilMs = (baseTimeUs + (timeOffsetUs[row] ?? 0)) / 1000;
    gaps.push({ fromMs: untilMs - (result[row] ?? 0), untilMs, events: Number(value[row] ?? 0n) });
  }
  return gaps;
}
