// Tests on a text as SQL. Tests of one shape share a condition, so that five thousand values are one list and not five thousand conditions.
import { twinLetters } from '../engine/fold.ts';
import type { TestForm } from '../engine/test.ts';
import { ANY, ONE, type Segment } from '../sigma/wildcards.ts';
import type { Bind } from './column.ts';

type TextForm = Extract<TestForm, { kind: 'text' }>;
type RegexForm = Extract<TestForm, { kind: 're' }>;
type Shape = 'anything' | 'equals' | 'starts' | 'ends' | 'contains' | 'pattern';

/** What multiSearchAny takes at once. */
const NEEDLES_MAX = 255;

/** Conditions on the SQL text `text` of which one must hold. */
export function textConditions(text: string, forms: readonly TextForm[], bind: Bind): string[] {
  const groups = new Map<string, TextForm[]>();
  for (const form of forms) {
    const key = `${form.cased ? 'cased' : 'folded'} ${shapeOf(form.segments)}`;
    const group = groups.get(key);
    if (group) group.push(form);
    else groups.set(key, [form]);
  }
  return [...groups.values()].flatMap((group) => groupConditions(text, group, bind));
}

function shapeOf(segments: readonly Segment[]): Shape {
  const pattern = segments.map((segment) => (typeof segment === 'string' ? 't' : segment === ANY ? '*' : '?')).join('');
  const shapes: Readonly<Record<string, Shape>> = {
    '': 'equals',
    t: 'equals',
    '*': 'anything',
    't*': 'starts',
    '*t': 'ends',
    '*t*': 'contains',
  };
  return shapes[pattern] ?? 'pattern';
}

function groupConditions(text: string, group: readonly TextForm[], bind: Bind): string[] {
  const [first] = group;
  if (!first) return [];
  const needles = group.map(({ segments }) => segments.find((segment) => typeof segment === 'string') ?? '');
  const compared = first.cased ? text : foldedSql(text, group.flatMap(literalsOf));
  switch (shapeOf(first.segments)) {
    case 'anything':
      return ['1'];
    case 'equals':
      return [`${compared} IN ${bind(needles, 'Array(String)')}`];
    case 'starts':
      return chunks(needles).map((some) => atEdge('startsWith', compared, some, bind));
    case 'ends':
      return chunks(needles).map((some) => atEdge('endsWith', compared, some, bind));
    case 'contains':
      return chunks(needles).map((some) => `multiSearchAny(${compared}, ${bind(some, 'Array(String)')})`);
    case 'pattern':
      return group.map(({ segments }) => `match(${compared}, ${bind(patternOf(segments), 'String')})`);
  }
}

/** All are looked for in one walk; only where one was found each is asked for whether it stands at the edge. */
function atEdge(edge: 'startsWith' | 'endsWith', text: string, needles: readonly string[], bind: Bind): string {
  const [only] = needles;
  if (only !== undefined && needles.length === 1) return `${edge}(${text}, ${bind(only, 'String')})`;
  const list = bind(needles, 'Array(String)');
  return `(multiSearchAny(${text}, ${list}) AND arrayExists(n -> ${edge}(${text}, n), ${list}))`;
}

function literalsOf({ segments }: TextForm): string[] {
  return segments.filter((segment) => typeof segment === 'string');
}

function chunks(needles: readonly string[]): string[][] {
  const count = Math.ceil(needles.length / NEEDLES_MAX);
  return Array.from({ length: count }, (_, at) => needles.slice(at * NEEDLES_MAX, (at + 1) * NEEDLES_MAX));
}

/** `foldCase` as SQL. A twin letter that none of the literals has can stay what it is. */
export function foldedSql(text: string, literals?: readonly string[]): string {
  return twinLetters
    .filter(([, letter]) => literals?.some((literal) => literal.includes(letter)) ?? true)
    .reduce((sql, [form, letter]) => `replaceAll(${sql}, '${form}', '${letter}')`, `lowerUTF8(${text})`);
}

/** Wildcards as a regular expression over the whole text. */
function patternOf(segments: readonly Segment[]): string {
  const parts = segments.map((segment) => (segment === ANY ? '.*' : segment === ONE ? '.' : escaped(segment)));
  return `(?s)^${parts.join('')}$`;
}

/** Characters of their own; control characters by number, because not all may stand behind a backslash. */
function escaped(literal: string): string {
  return literal.replace(/[\0-\x1f\x7f]|[!-/:-@[-^`{-~]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 || code === 0x7f ? `\\x{${code.toString(16)}}` : `\\${character}`;
  });
}

/** In ClickHouse a dot takes newlines too unless it is told not to. */
export function regexCondition(text: string, { source, flags }: RegexForm, bind: Bind): string {
  const on = ['i', 'm', 's'].filter((flag) => flags.includes(flag)).join('');
  const off = flags.includes('s') ? '' : '-s';
  return `match(${text}, ${bind(`(?${on}${off})${source}`, 'String')})`;
}
