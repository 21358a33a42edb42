// What of a rule the sensor can see, and what it can not: the blind spots.
import { AtomTable } from '../engine/atoms.ts';
import { compileRule } from '../engine/compile.ts';
import type { Field } from '../engine/field.ts';
import { admittedValues, impossibleValues, isPossible, type AskedValue } from '../engine/possible.ts';
import { askedFields } from '../sigma/asked-fields.ts';
import type { Rule } from '../sigma/rule.ts';
import type { RuleBatch } from './batch.ts';
import {
  LOGGED_TEXTS,
  READ_FILES,
  READ_PATHS,
  whyNoField,
  whyNoSource,
  whyNoValue,
  type Lack,
} from './blind-reasons.ts';
import { ANY, kernelLayout } from './layout.ts';
import type { Category } from './routes.ts';

export interface RuleCoverage {
  readonly rule: Rule;
  /** `part`: some of what it asks for can never be, and it can fire without. `none`: it can not fire here. */
  readonly extent: 'whole' | 'part' | 'none';
  readonly lacks: readonly Lack[];
}

export interface BlindSpot extends Lack {
  readonly rules: readonly Rule[];
}

/** Throws `rule_invalid` for a rule that is wrong for other reasons than what is seen. */
export function coverageOf(rule: Rule): RuleCoverage {
  const stream = kernelLayout.streamOf(rule.logsource);
  if (!stream) return { rule, extent: 'none', lacks: [whyNoSource(rule.logsource)] };
  const fields = [rule.detection, ...rule.filters].flatMap(askedFields);
  const unknown = [...new Set(fields)].filter((field) => stream.fields(field).length === 0);
  if (unknown.length > 0) return { rule, extent: 'none', lacks: unknown.map(whyNoField) };
  const table = new AtomTable<Field<RuleBatch>>();
  const root = compileRule(rule, { table, stream, placeholders: new Map() });
  const lacks = impossibleValues(root, table).map(whyNoValue);
  if (asksForReads(admittedValues(root, table))) lacks.push(READ_PATHS);
  if (stream.name === READS && !fields.some(isClass)) lacks.push(READ_FILES);
  if (stream.name === ANY) lacks.push(LOGGED_TEXTS);
  if (!isPossible(root, table)) return { rule, extent: 'none', lacks: distinct(lacks) };
  return { rule, extent: lacks.length > 0 ? 'part' : 'whole', lacks: distinct(lacks) };
}

const READS: Category = 'file_access';
/** Those that are told have one. */
const isClass = (field: string): boolean => field.toLowerCase() === 'fileclass';

function asksForReads(admitted: readonly AskedValue[]): boolean {
  const paths = admitted.some(({ field, value }) => field === 'type' && value === 'PATH');
  return paths && !admitted.some(({ field }) => field === 'nametype');
}

function distinct(lacks: readonly Lack[]): Lack[] {
  return [...new Map(lacks.map((lack) => [lack.what, lack])).values()];
}

/** What is lacking, each once, with the rules that ask for it; what most ask for comes first. */
export function blindSpots(coverages: readonly RuleCoverage[]): BlindSpot[] {
  const spots = new Map<string, { lack: Lack; rules: Rule[] }>();
  for (const { rule, lacks } of coverages) {
    for (const lack of lacks) {
      const known = spots.get(lack.what);
      if (known) known.rules.push(rule);
      else spots.set(lack.what, { lack, rules: [rule] });
    }
  }
  return [...spots.values()]
    .map(({ lack, rules }) => ({ ...lack, rules }))
    .sort((a, b) => b.rules.length - a.rules.length || (a.what < b.what ? -1 : 1));
}
