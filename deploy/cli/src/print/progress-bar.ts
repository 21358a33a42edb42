// How far something long is, on one line of a terminal; silent where nobody watches.

const width = 24;
/** So often at most, ms: drawing must not cost more than what it tells of. */
const everyMs = 100;

export interface ProgressBar {
  /** `share` is 0 … 1. */
  draw(share: number, done: number): void;
  /** Takes the line away. */
  clear(): void;
}

/** `what` is counted. */
export function startProgressBar(terminal: NodeJS.WriteStream, what = 'events'): ProgressBar {
  if (!terminal.isTTY) return { draw: () => undefined, clear: () => undefined };
  let drawnMs = -Infinity;
  return {
    draw: (share, done) => {
      const nowMs = performance.now();
      if (nowMs - drawnMs < everyMs) return;
      drawnMs = nowMs;
      terminal.write(`\r${progressLine(share, done, what)}`);
    },
    clear: () => {
      terminal.write('\r\u001b[K');
    },
  };
}

/** "██████░░ 25 %  1,234 events". */
export function progressLine(share: number, done: number, what: string): string {
  const full = Math.round(Math.min(1, share) * width);
  const bar = '█'.repeat(full) + '░'.repeat(width - full);
  return `${bar} ${String(Math.floor(Math.min(1, share) * 100)).padStart(3)} %  ${done.toLocaleString('en')} ${what}`;
}
