// Numbers, parts of dates and networks as SQL, by the patterns that the engine reads them with.
import { datePattern, decimalPattern, hexPattern, SECONDS_MAX, yearsTaken } from '../engine/number.ts';
import type { TestForm } from '../engine/test.ts';
import type { Comparison, TimePart } from '../sigma/field-test.ts';
import type { Bind } from './column.ts';

type NumberForm = Extract<TestForm, { kind: 'number' }>;
type NetworkForm = Extract<TestForm, { kind: 'cidr' }>;

const operators: Readonly<Record<Comparison, string>> = { lt: '<', lte: '<=', gt: '>', gte: '>=' };
const parts: Readonly<Record<TimePart, string>> = {
  minute: 'toMinute',
  hour: 'toHour',
  day: 'toDayOfMonth',
  week: 'toISOWeek',
  month: 'toMonth',
  year: 'toYear',
};

/** `text` is SQL of a String. */
export function numberCondition(text: string, { comparison, timePart, wanted }: NumberForm, bind: Bind): string {
  const found = timePart ? `toFloat64(${parts[timePart]}(${dateSql(text, bind)}))` : numberSql(text, bind);
  const operator = comparison ? operators[comparison] : '=';
  return `ifNull(${found} ${operator} ${bind(wanted, 'Float64')}, 0)`;
}

/** Float64, or NULL when the text is no number. */
function numberSql(text: string, bind: Bind): string {
  const decimal = `toFloat64OrNull(extract(${text}, ${bind(decimalPattern, 'String')}))`;
  const digits = `nullIf(extract(${text}, ${bind(hexPattern, 'String')}), '')`;
  const hex = `toFloat64(reinterpretAsUInt64(reverse(unhex(leftPad(${digits}, 16, '0')))))`;
  const number = `coalesce(${decimal}, ${hex})`;
  return `if(isFinite(${number}), ${number}, NULL)`;
}

/** DateTime64 in UTC, or NULL when the text is no date, or none of the years that are taken for one. */
function dateSql(text: string, bind: Bind): string {
  const number = numberSql(text, bind);
  const date = `if(isNotNull(${number}), ${countedDate(number)}, ${writtenDate(text, bind)})`;
  return `if(toYear(${date}) BETWEEN ${yearsTaken.first} AND ${yearsTaken.last}, ${date}, NULL)`;
}

const firstMs = Date.UTC(yearsTaken.first, 0, 1);
const lastMs = Date.UTC(yearsTaken.last + 1, 0, 1) - 1;

function countedDate(number: string): string {
  const ms = `if(${number} < ${SECONDS_MAX}, ${number} * 1000, ${number})`;
  const whole = `toInt64(if(${ms} BETWEEN ${firstMs} AND ${lastMs}, ${ms}, NULL))`;
  return `fromUnixTimestamp64Milli(${whole}, 'UTC')`;
}

function writtenDate(text: string, bind: Bind): string {
  const groups = `extractGroups(${text}, ${bind(datePattern, 'String')})`;
  const at = (group: number, absent: string): string =>
    `if(${groups}[${group}] = '', '${absent}', ${groups}[${group}])`;
  const day = `concat(${at(1, '0000')}, '-', ${at(2, '01')}, '-', ${at(3, '01')})`;
  const time = `concat(${at(4, '00')}, ':', ${at(5, '00')}, ':', ${at(6, '00')})`;
  const written = `concat(${day}, ' ', ${time})`;
  const local = `toDateTime64OrNull(${written}, 3, 'UTC')`;
  // What is no day of its month, or no time of a day, is read as another: then it is not what was written.
  const same = `formatDateTime(${local}, '%Y-%m-%d %H:%i:%S') = ${written}`;
  const zoneMinutes = `(toInt32(${at(8, '0')}) * 60 + toInt32(${at(9, '0')})) * if(${groups}[7] = '-', -1, 1)`;
  return `if(${same}, subtractMinutes(${local}, ${zoneMinutes}), NULL)`;
}

/** All addresses are taken as those of IPv6, where IPv4 has a range of its own. */
export function networkCondition(text: string, { address, version, bits }: NetworkForm, bind: Bind): string {
  const length = version === 4 ? bits + 96 : bits;
  const range = `IPv6CIDRToRange(toIPv6(${bind(address, 'String')}), ${bind(length, 'UInt8')})`;
  // ClickHouse reads three colons as two.
  return `(position(${text}, ':::') = 0 AND ifNull(toIPv6OrNull(${text}) BETWEEN ${range}.1 AND ${range}.2, 0))`;
}
