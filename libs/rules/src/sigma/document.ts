// YAML text as checked documents that know their lines, so that an error can name the line, the construct and the cure.
import { NornError } from '@norn/base';
import { isNode, isScalar, LineCounter, parseAllDocuments, visit, type Document } from 'yaml';
import type { z } from 'zod';

/** Bounds of one file; what is beyond them is a mistake or an attack. */
const FILE_CHARACTERS_MAX = 256 * 1024;
const DOCUMENTS_MAX = 200;
const ALIASES_MAX = 16;

export type Path = readonly (string | number)[];

/** Where something stands in a file. */
export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** What stands there, for people: `detection.selection.Image|endswith`. */
  readonly construct: string;
}

/** Error `rule_invalid`: which file and line, which construct, what to do. */
export function ruleError({ file, line, construct }: Place, cure: string): NornError {
  return new NornError('rule_invalid', `${file}:${line}: ${construct}: ${cure}`);
}

/** One YAML document of a rule file. */
export class RuleDocument {
  readonly value: unknown;
  /** This document alone, out of all of the file. */
  readonly text: string;

  constructor(
    readonly file: string,
    private readonly document: Document.Parsed,
    private readonly lines: LineCounter,
    whole: string,
  ) {
    const [start, end] = document.range;
    this.text = whole.slice(start, end);
    this.value = document.toJS({ maxAliasCount: ALIASES_MAX });
  }

  place(path: Path): Place {
    return { file: this.file, line: this.lineOf(path), construct: path.length === 0 ? 'the rule' : path.join('.') };
  }

  /** Of the key at that path, or of the nearest one around it. */
  private lineOf(path: Path): number {
    for (let length = path.length; length > 0; length -= 1) {
      const offset = this.keyOffset(path.slice(0, length));
      if (offset !== undefined) return this.lines.linePos(offset).line;
    }
    return this.lines.linePos(this.document.contents?.range[0] ?? 0).line;
  }

  private keyOffset(path: Path): number | undefined {
    const parent: unknown = path.length === 1 ? this.document.contents : this.document.getIn(path.slice(0, -1), true);
    const items = (parent as { items?: readonly YamlItem[] } | null | undefined)?.items ?? [];
    const last = path.at(-1);
    const item = typeof last === 'number' ? items[last] : items.find(({ key }) => String(key?.value) === last);
    return (item?.key ?? item)?.range?.[0];
  }

  /**
   * Sigma lets a rule have keys of its own: only one that looks like a known key is refused, as a mistake.
   * Throws `rule_invalid` for the first thing that the schema does not take.
   */
  parse<Schema extends z.ZodObject>(schema: Schema): z.output<Schema> {
    const known = Object.keys(schema.shape);
    for (const key of Object.keys(this.value ?? {})) {
      const meant = known.includes(key) ? undefined : known.find((name) => isNear(key, name));
      if (meant !== undefined) throw ruleError(this.place([key]), `unknown key ${key}: did you mean ${meant}?`);
    }
    const parsed = schema.safeParse(this.value);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw ruleError(this.place((issue?.path ?? []).map(asPathPart)), issue ? cureOf(issue) : 'is not valid');
  }
}

interface YamlItem {
  readonly key?: { readonly value?: unknown; readonly range?: readonly number[] | null };
  readonly range?: readonly number[] | null;
}

/** One character was left out, added, changed, or written in the other case. */
function isNear(key: string, name: string): boolean {
  const [one, other] = [key.toLowerCase(), name.toLowerCase()];
  let start = 0;
  while (start < one.length && one[start] === other[start]) start += 1;
  const rest = [one.slice(start), other.slice(start)] as const;
  const tails = [rest, [rest[0].slice(1), rest[1]], [rest[0], rest[1].slice(1)], [rest[0].slice(1), rest[1].slice(1)]];
  return tails.some(([left, right]) => left === right);
}

const asPathPart = (part: PropertyKey): string | number => (typeof part === 'number' ? part : String(part));

/** The documents of a file, at least one. Throws `rule_invalid`. */
export function readDocuments(file: string, text: string): RuleDocument[] {
  const whole = { file, line: 1, construct: 'the file' };
  if (text.length > FILE_CHARACTERS_MAX)
    throw ruleError(whole, `is longer than ${FILE_CHARACTERS_MAX} characters: split it`);
  try {
    return documentsOf(file, text);
  } catch (error) {
    // The parser calls itself once for each level.
    if (error instanceof RangeError) throw ruleError({ ...whole, construct: 'YAML' }, tooDeep);
    throw error;
  }
}

function documentsOf(file: string, text: string): RuleDocument[] {
  const whole = { file, line: 1, construct: 'the file' };
  const lines = new LineCounter();
  // What the parser does for both options takes the square of the file's size.
  const documents = parseAllDocuments(text, { uniqueKeys: false, prettyErrors: false, lineCounter: lines });
  if (!Array.isArray(documents) || documents.length === 0) throw ruleError(whole, 'is empty: write a rule into it');
  if (documents.length > DOCUMENTS_MAX) throw ruleError(whole, `has more than ${DOCUMENTS_MAX} documents: split it`);
  return documents.map((document) => readDocument({ name: file, text }, document, lines));
}

function readDocument(
  { name: file, text }: { readonly name: string; readonly text: string },
  document: Document.Parsed,
  lines: LineCounter,
): RuleDocument {
  const [broken] = document.errors;
  const line = broken ? lines.linePos(broken.pos[0]).line : 1;
  if (broken) throw ruleError({ file, line, construct: 'YAML' }, cureOfYaml(broken.message));
  refuseKeys(file, document, lines);
  try {
    return new RuleDocument(file, document, lines, text);
  } catch (error) {
    // Too many aliases, or one without an anchor.
    const why = error instanceof Error ? error.message : String(error);
    throw ruleError({ file, line: 1, construct: 'YAML' }, `${why}: write the values out`);
  }
}

const tooDeep = 'is nested too deeply: write it flat';

function cureOfYaml(message: string): string {
  if (message.includes('call stack')) return tooDeep;
  return message.split('\n')[0] ?? 'is broken';
}

/** Keys are words, and of two of one name in a map one would be lost. */
function refuseKeys(file: string, document: Document.Parsed, lines: LineCounter): void {
  visit(document, {
    Map: (_, map) => {
      const known = new Set<string>();
      for (const { key } of map.items) {
        const start = (isNode(key) ? key : map).range?.[0] ?? 0;
        const place = { file, line: lines.linePos(start).line, construct: 'YAML' };
        if (!isScalar(key)) throw ruleError(place, 'a key is a map or a list: write a word there');
        const name = String(key.value);
        if (known.has(name)) throw ruleError(place, `the key ${name} is there twice: remove one`);
        known.add(name);
      }
    },
  });
}

function cureOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'unrecognized_keys':
      return `unknown key ${issue.keys.join(', ')}: remove it or correct its spelling`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_type':
      return issue.input === undefined ? 'is missing: add it' : `must be a ${issue.expected}`;
    case 'invalid_union':
      return issue.path[0] === 'detection' || issue.path[0] === 'filter'
        ? 'must be a word, a map of fields, or a list of them'
        : 'has the wrong form';
    default:
      return issue.message;
  }
}
