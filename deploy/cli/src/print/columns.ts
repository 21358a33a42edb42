// Plain tables and relative times for a terminal, and where all that commands say goes out.
import { visibleLine, visibleText } from './visible.ts';

/** Left-aligned columns, two spaces apart; the first row is the header. */
export function columns(given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map(visibleLine));
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}

/** One below the other. A line's end within one is shown, so that no text passes for a line of ours. */
export function lines(each: readonly string[]): string {
  return each.map(visibleLine).join('\n');
}

/** "3 s ago", "5 min ago", "2 h ago", "4 d ago". */
export function ago(time: string, now: Date): string {
  const seconds = Math.max(0, (now.getTime() - Date.parse(time)) / 1000);
  if (!Number.isFinite(seconds)) return '–';
  if (seconds < 60) return `${seconds.toFixed(0)} s ago`;
  if (seconds < 3600) return `${(seconds / 60).toFixed(0)} min ago`;
  if (seconds < 86_400) return `${(seconds / 3600).toFixed(0)} h ago`;
  return `${(seconds / 86_400).toFixed(0)} d ago`;
}

export function bytes(count: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = count < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log(count) / Math.log(1000)));
  return `${(count / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ''}`;
}

/** The one way to standard output: what is not seen in it is made visible. */
export function write(text: string): void {
  process.stdout.write(`${visibleText(text)}\n`);
}

/** To standard error, beside what the command gives. */
export function note(text: string): void {
  process.stderr.write(`${visibleText(text)}\n`);
}

export function writeJson(value: unknown): void {
  write(JSON.stringify(value, null, 2));
}
