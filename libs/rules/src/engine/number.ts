// Comparisons of numbers, and of the parts of a date. What is a number and what a date stands in patterns that RE2 reads as JavaScript does,
// because a hunt's SQL reads the same texts.
import { ruleError, type Place } from '../sigma/document.ts';
import type { Comparison, TimePart } from '../sigma/field-test.ts';
import type { Scalar } from '../sigma/rule.ts';
import type { FieldText } from './fold.ts';

const compare: Readonly<Record<Comparison | 'eq', (field: number, value: number) => boolean>> = {
  lt: (field, value) => field < value,
  lte: (field, value) => field <= value,
  gt: (field, value) => field > value,
  gte: (field, value) => field >= value,
  eq: (field, value) => field === value,
};

export interface NumberQuestion {
  /** Undefined when they must be equal. */
  readonly comparison: Comparison | undefined;
  /** The number is this part of a date. */
  readonly timePart: TimePart | undefined;
  readonly wanted: number;
}

/** The number a rule compares with. Throws `rule_invalid` when the value is none. */
export function readNumber(place: Place, value: Exclude<Scalar, null>): number {
  const wanted = numberOf(String(value));
  if (wanted === undefined) throw ruleError(place, `"${String(value)}" is not a number: write it in digits`);
  return wanted;
}

export function numberTest({ comparison, timePart, wanted }: NumberQuestion): (text: FieldText) => boolean {
  const holds = compare[comparison ?? 'eq'];
  return ({ raw }) => {
    const found = timePart ? partOf(raw, timePart) : numberOf(raw);
    return found !== undefined && holds(found, wanted);
  };
}

/** With its digits as the only group. */
export const decimalPattern = '^[ \\t\\r\\n]*([+-]?(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[ \\t\\r\\n]*$';
/** As many digits as 64 bits have. */
export const hexPattern = '^[ \\t\\r\\n]*0[xX]0*([0-9a-fA-F]{1,16})[ \\t\\r\\n]*$';
const decimal = new RegExp(decimalPattern);
const hex = new RegExp(hexPattern);

/** Decimal or 0x hexadecimal. */
export function numberOf(text: string): number | undefined {
  const digits = decimal.exec(text)?.[1] ?? hexDigits(text);
  if (digits === undefined) return undefined;
  const number = Number(digits);
  return Number.isFinite(number) ? number : undefined;
}

function hexDigits(text: string): string | undefined {
  const digits = hex.exec(text)?.[1];
  return digits === undefined ? undefined : `0x${digits}`;
}

function partOf(text: string, part: TimePart): number | undefined {
  const date = dateOf(text);
  if (date === undefined) return undefined;
  switch (part) {
    case 'minute':
      return date.getUTCMinutes();
    case 'hour':
      return date.getUTCHours();
    case 'day':
      return date.getUTCDate();
    case 'week':
      return isoWeek(date);
    case 'month':
      return date.getUTCMonth() + 1;
    case 'year':
      return date.getUTCFullYear();
  }
}

/** Larger numbers are milliseconds: as seconds they would be after the year 5000. */
export const SECONDS_MAX = 1e11;
/** The years that are taken for dates: those a DateTime64 of ClickHouse holds. */
export const yearsTaken = { first: 1900, last: 2299 } as const;

/** Year, month, day, hour, minute, second, zone's sign, hours and minutes. Source: ISO 8601, and RFC 3339's space between date and time. */
export const datePattern =
  '^([0-9]{4})-([0-9]{2})(?:-([0-9]{2})(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,][0-9]{1,9})?)?(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))?)?)?$';
const isoDate = new RegExp(datePattern);

/** Of a date as ISO 8601 writes it, or seconds or milliseconds since 1970; UTC where it names no zone. */
function dateOf(text: string): Date | undefined {
  const number = numberOf(text);
  const date = number === undefined ? writtenDate(text) : new Date(number < SECONDS_MAX ? number * 1_000 : number);
  const year = date?.getUTCFullYear();
  return year !== undefined && year >= yearsTaken.first && year <= yearsTaken.last ? date : undefined;
}

function writtenDate(text: string): Date | undefined {
  const found = isoDate.exec(text);
  if (!found) return undefined;
  const at = (group: number, absent: number): number => (found[group] === undefined ? absent : Number(found[group]));
  const [year, month, day, hour, minute, second] = [at(1, 0), at(2, 1), at(3, 1), at(4, 0), at(5, 0), at(6, 0)];
  // Years of two digits are of the last century to JavaScript.
  if (year < yearsTaken.first || hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // The 30th of February is no day of March.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const zoneMinutes = (found[7] === '-' ? -1 : 1) * (at(8, 0) * 60 + at(9, 0));
  return new Date(date.getTime() - zoneMinutes * 60_000);
}

/** The week that holds the year's first Thursday is the first. Source: ISO 8601. */
function isoWeek(date: Date): number {
  const thursday = new Date(date);
  thursday.setUTCDate(date.getUTCDate() + 4 - (date.getUTCDay() || 7));
  const yearStart = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  return Math.ceil(((thursday.getTime() - yearStart) / 86_400_000 + 1) / 7);
}
