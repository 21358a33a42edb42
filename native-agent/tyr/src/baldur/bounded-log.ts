// Baldur's own output goes to a file that outlives tyr; tyr keeps it within a bound.
import { copyFileSync, openSync, statSync, truncateSync } from 'node:fs';

/** A descriptor for appending; hand it to the child, then close it. */
export function openLog(path: string): number {
  return openSync(path, 'a', 0o600);
}

/** Keeps the newest full half as `.1`. The writer appends, so cutting the file under it is safe; lines written meanwhile may be lost. */
export function boundLog(path: string, bytesMax: number): boolean {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size < bytesMax / 2) return false;
  copyFileSync(path, `${path}.1`);
  truncateSync(path, 0);
  return true;
}
