// The events of Norn's sensor as Sigma's log sources.
import type { Field, Layout, Stream } from '../engine/field.ts';
import type { LogSource } from '../sigma/rule.ts';
import { AUDITD, auditdFields, auditdRows, pathFields } from './auditd.ts';
import type { RuleBatch } from './batch.ts';
import type { FieldRow } from './field-row.ts';
import { eventKind, fieldsByCategory, processFields, wordFields } from './fields.ts';
import { anyRows, categories, categoryRows, routeOf, type KindOfRows } from './routes.ts';

/** Of rules about whatever a Linux machine logs. */
export const ANY = 'linux';

/** Fields by their names in lower case; a name may stand for several. */
type Fields = ReadonlyMap<string, readonly FieldRow[]>;
type KernelStream = Stream<Field<RuleBatch>>;

/** By their names, which are those of the rows' streams. */
export const kernelStreams: ReadonlyMap<string, KernelStream> = new Map<string, KernelStream>([
  ...categories.map((name) => [name, streamOf(name, named(fieldsByCategory[name]), wordFields(name))] as const),
  [AUDITD, auditdStream()],
  [ANY, anyStream()],
]);

/** What all events have: for rules that name the product alone. */
function anyStream(): KernelStream {
  return streamOf(ANY, named([...processFields, eventKind]), wordFields('file_event', 'process_creation'));
}

function auditdStream(): KernelStream {
  const fields = new Map([...named([...auditdFields, ...processFields]), ['name', pathFields] as const]);
  const words = ['proctitle', 'name'].flatMap((name) => fields.get(name) ?? []);
  return streamOf(AUDITD, fields, words);
}

function named(rows: readonly FieldRow[]): Map<string, readonly FieldRow[]> {
  return new Map(rows.map((row) => [row.name.toLowerCase(), [row]]));
}

function streamOf(name: string, fields: Fields, words: readonly FieldRow[]): KernelStream {
  return {
    name,
    fields: (asked) => fields.get(asked.toLowerCase()) ?? [],
    fieldNames: () => [...fields.values()].flatMap(([first]) => first?.name ?? []),
    words,
  };
}

/** What each log source sees. */
export const kernelRows: readonly KindOfRows[] = [...categoryRows, ...auditdRows, ...anyRows(ANY)];

export const kernelLayout: Layout<RuleBatch> = {
  routes: kernelRows.map(routeOf),
  sources: [...categories.map((category) => `linux/${category}`), `linux/${AUDITD}`, ANY],
  streamOf: (source) => {
    const name = nameOf(source);
    return name === undefined ? undefined : kernelStreams.get(name);
  },
};

function nameOf({ product, category, service }: LogSource): string | undefined {
  if (product !== undefined && product !== 'linux') return undefined;
  if (service !== undefined) return service === AUDITD && category === undefined ? AUDITD : undefined;
  if (category !== undefined) return categories.find((known) => known === category);
  return product === undefined ? undefined : ANY;
}
