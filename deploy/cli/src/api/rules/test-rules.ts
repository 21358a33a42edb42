// Rules against events that must and must not fire.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { NornError, messageOf } from '@norn/base';
import { Engine, RecordBatch, readRules, recordLayout, type EventRecord, type Rule } from '@norn/rules';
import { z } from 'zod';
import { readRuleFiles } from '../../replay/rule-files.ts';

export interface Tally {
  readonly right: number;
  readonly total: number;
}

export interface WrongEvent {
  readonly rule: string;
  readonly file: string;
  readonly expected: 'match' | 'nomatch' | 'a rule that compiles';
  readonly event?: EventRecord;
  readonly error?: string;
}

export interface RulesReport {
  /** With vectors: those whose events are all right, of those that have some. Without: those that compile, of all. */
  readonly rules: Tally;
  readonly events: Tally;
  readonly wrong: readonly WrongEvent[];
  /** Files that could not be read or compiled. */
  readonly refused: readonly string[];
}

const vectorSchema = z.object({
  id: z.string(),
  title: z.string().default(''),
  file: z.string().default(''),
  match: z.array(z.record(z.string(), z.unknown())).default([]),
  nomatch: z.array(z.record(z.string(), z.unknown())).default([]),
});
type Vector = z.output<typeof vectorSchema>;

interface Compiled {
  readonly rule: Rule;
  readonly engine: Engine<RecordBatch>;
}

/** Throws when the folder or the file of vectors can not be read. */
export async function testRules(dir: string, vectorFile?: string): Promise<RulesReport> {
  const { compiled, refused, total } = await compileFolder(dir);
  if (vectorFile === undefined) {
    return { rules: { right: compiled.length, total }, events: { right: 0, total: 0 }, wrong: [], refused };
  }
  const byId = new Map(compiled.map((each) => [each.rule.id, each]));
  const tried: Tried[] = [];
  for await (const vector of readVectors(vectorFile)) tried.push(tryVector(vector, byId.get(vector.id), refused));
  const sum = (of: (each: Tried) => number): number => tried.reduce((total, each) => total + of(each), 0);
  return {
    rules: { right: sum(({ wrong }) => Number(wrong.length === 0)), total: tried.length },
    events: { right: sum(({ right }) => right), total: sum(({ total }) => total) },
    wrong: tried.flatMap(({ wrong }) => wrong),
    refused,
  };
}

interface Tried extends Tally {
  readonly wrong: readonly WrongEvent[];
}

async function compileFolder(dir: string): Promise<{ compiled: Compiled[]; refused: string[]; total: number }> {
  const compiled: Compiled[] = [];
  const refused: string[] = [];
  const files = await readRuleFiles(dir);
  for (const file of files) {
    try {
      const { rules } = readRules([file]);
      compiled.push(...rules.map((rule) => ({ rule, engine: new Engine(recordLayout(), [rule]) })));
    } catch (error) {
      refused.push(messageOf(error));
    }
  }
  return { compiled, refused, total: compiled.length + refused.length };
}

/** Throws `vectors_invalid` with the line. */
async function* readVectors(path: string): AsyncGenerator<Vector> {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity })) {
    number += 1;
    if (line.trim() === '') continue;
    try {
      yield vectorSchema.parse(JSON.parse(line));
    } catch (error) {
      throw new NornError('vectors_invalid', `${path}:${number}: not a vector (${messageOf(error)})`);
    }
  }
}

function tryVector(vector: Vector, compiled: Compiled | undefined, refused: readonly string[]): Tried {
  const { match, nomatch, title: rule, file } = vector;
  const total = match.length + nomatch.length;
  if (!compiled) {
    const why = refused.find((error) => file !== '' && error.includes(file.split('/').at(-1) ?? ''));
    const error = why ?? `no rule has the id ${vector.id}`;
    return { wrong: [{ rule, file, expected: 'a rule that compiles', error }], right: 0, total };
  }
  const wrongOf = (expected: 'match' | 'nomatch', all: EventRecord[]): WrongEvent[] =>
    all
      .filter((event) => fires(compiled, event) !== (expected === 'match'))
      .map((event) => ({ rule, file, expected, event }));
  const wrong = [...wrongOf('match', match), ...wrongOf('nomatch', nomatch)];
  return { wrong, right: total - wrong.length, total };
}

function fires({ engine }: Compiled, event: EventRecord): boolean {
  return engine.evaluate(new RecordBatch([event])).matches.length > 0;
}
