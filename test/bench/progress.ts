// How far a benchmark of many rows is, and how long it may still take.
import type { Tell } from '../attack/play.ts';

export interface Progress {
  /** Says that one more is done, what came of it, and the time that is left. */
  step(sentence: string): void;
}

export function startProgress(total: number, tell: Tell, nowMs: () => number = () => performance.now()): Progress {
  const startedMs = nowMs();
  let done = 0;
  return {
    step: (sentence) => {
      done++;
      const leftMs = ((nowMs() - startedMs) / done) * (total - done);
      tell(`[${done}/${total}] ${sentence}${done < total ? ` · ${duration(leftMs)} left` : ''}`);
    },
  };
}

/** "40 s", "3 min". */
export function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}
