// How people read what machines keep: times, counts and severities as words.
import { counted } from '@norn/base';
import type { finding } from '@norn/contracts';

export { baseName, counted, shortId } from '@norn/base';

export type SeverityWord = 'informational' | 'low' | 'medium' | 'high' | 'critical';

const severities: readonly SeverityWord[] = ['informational', 'informational', 'low', 'medium', 'high', 'critical'];

export function severityWord(severity: finding.Severity): SeverityWord {
  return severities[severity] ?? 'informational';
}

/** norn.finding.v1.Severity as a number, as the tables have it. */
export function severityNumber(word: SeverityWord): number {
  return severities.lastIndexOf(word);
}

/** Unix µs → RFC 3339 with µs; empty for 0. */
export function timeOf(micros: bigint | number): string {
  const us = Number(micros);
  if (us === 0) return '';
  const whole = new Date(Math.floor(us / 1000)).toISOString().slice(0, -1);
  return `${whole}${String(Math.floor(us % 1000)).padStart(3, '0')}Z`;
}

export function timeOfDate(date: Date | null): string {
  return date === null ? '' : date.toISOString();
}

/** "0.4 ms", "38 ms", "2.3 s", "4 min", "3 h". */
export function durationOf(micros: number): string {
  const ms = Math.abs(micros) / 1000;
  if (ms < 1) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}

/** "a", "a and b", "a, b and c". */
export function listed(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`;
}

/** Upper-cases the first letter. */
export function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** "21 files wait for you", "1 lost": what a restore has left, in parts. */
export function waiting(conflict: number, lost: number): string[] {
  const parts: string[] = [];
  if (conflict > 0) parts.push(`${counted(conflict, 'file')} ${conflict === 1 ? 'waits' : 'wait'} for you`);
  if (lost > 0) parts.push(conflict > 0 ? `${lost.toLocaleString('en')} lost` : `${counted(lost, 'file')} lost`);
  return parts;
}
