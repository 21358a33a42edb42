// Builds a batch out of events written as Sigma fields: for rules' own test events and for recorded events of other tools.
import { event } from '@norn/contracts';
import type { RuleBatch } from '../batch.ts';
import type { TestEvent } from '../rule.ts';

const { EventKind, ExecFlag, ImageFlag } = event;

interface Row {
  readonly kind: number;
  readonly path: string;
  readonly target: string;
  readonly flags: number;
  readonly value: bigint;
  readonly result: number;
}

/** Each event becomes a row with a process and an image of its own. Throws for a kind or flag that does not exist. */
export function buildRuleBatch(events: readonly TestEvent[]): RuleBatch {
  const dictionary = new Dictionary();
  const rows = events.map(rowOf);
  const text = (field: string): Uint16Array =>
    Uint16Array.from(events, (fields) => dictionary.index(textOf(fields, field)));
  return {
    rowCount: rows.length,
    kind: Uint8Array.from(rows, (row) => row.kind),
    process: Uint16Array.from(rows, (_, at) => at),
    path: Uint16Array.from(rows, (row) => dictionary.index(row.path)),
    target: Uint16Array.from(rows, (row) => dictionary.index(row.target)),
    flags: Uint32Array.from(rows, (row) => row.flags),
    value: BigUint64Array.from(rows, (row) => row.value),
    result: Int32Array.from(rows, (row) => row.result),
    processCount: rows.length,
    processImage: Uint16Array.from(rows, (_, at) => at),
    processContainer: Uint16Array.from(rows, (_, at) => at),
    userName: (process) => textOf(events[process] ?? {}, 'User'),
    ancestorImages: (process) => ancestorsOf(events[process] ?? {}),
    parentCommandLine: (process) => textOf(events[process] ?? {}, 'ParentCommandLine'),
    imagePath: text('Image'),
    imageCommandLine: text('CommandLine'),
    imageWorkingDirectory: text('CurrentDirectory'),
    imageFlags: Uint32Array.from(events, (fields) => bits(listOf(fields, 'ImageFlags'), imageFlagBits)),
    imageSha256: (image) => textOf(events[image] ?? {}, 'sha256'),
    containerId: text('Container'),
    // Last: by now every string is in.
    textCount: dictionary.texts.length,
    text: (index) => dictionary.texts[index] ?? '',
  };
}

function rowOf(fields: TestEvent): Row {
  const kind = kindOf(fields);
  const renamed = kind === EventKind.FILE_RENAME;
  const file = textOf(fields, 'TargetFilename');
  return {
    kind,
    path: renamed ? textOf(fields, 'SourceFilename') : file || textOf(fields, 'DestinationIp'),
    target: renamed ? file : textOf(fields, 'SourceFilename'),
    flags: flagsOf(kind, fields),
    value: BigInt(Number(fields['DestinationPort'] ?? 0)) << 16n,
    result: 0,
  };
}

function flagsOf(kind: event.EventKind, fields: TestEvent): number {
  if (kind === EventKind.FILE_OPEN) return bits(listOf(fields, 'OpenFlags'), openFlagBits) | 1;
  return kind === EventKind.EXEC ? bits(listOf(fields, 'ExecFlags'), execFlagBits) : 0;
}

function kindOf(fields: TestEvent): event.EventKind {
  const name = textOf(fields, 'EventKind').toUpperCase() as keyof typeof EventKind;
  const kind = EventKind[name] as event.EventKind | undefined;
  if (kind === undefined) throw new RangeError(`EventKind "${name}" does not exist`);
  return kind;
}

function ancestorsOf(fields: TestEvent): string[] {
  const parent = textOf(fields, 'ParentImage');
  const above = listOf(fields, 'AncestorImages');
  return parent === '' ? above : [parent, ...above];
}

function textOf(fields: TestEvent, name: string): string {
  const value = fields[name];
  return value === undefined || Array.isArray(value) ? '' : String(value);
}

function listOf(fields: TestEvent, name: string): string[] {
  const value = fields[name];
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [String(value)];
}

const imageFlagBits: Readonly<Record<string, number>> = {
  'upper-layer': ImageFlag.UPPER_LAYER,
  memfd: ImageFlag.MEMFD,
  deleted: ImageFlag.DELETED,
  tmpfs: ImageFlag.TMPFS,
  writable: ImageFlag.WRITABLE,
  setuid: ImageFlag.SETUID,
  new: ImageFlag.NEW,
};

const execFlagBits: Readonly<Record<string, number>> = {
  'killed-at-exec': ExecFlag.KILLED_AT_EXEC,
  'runtime-copy': ExecFlag.RUNTIME_COPY,
};

const openFlagBits: Readonly<Record<string, number>> = { create: 0o100, truncate: 0o1000, append: 0o2000 };

function bits(names: readonly string[], table: Readonly<Record<string, number>>): number {
  return names.reduce((sum, name) => {
    const bit = table[name];
    if (bit === undefined)
      throw new RangeError(`Flag "${name}" does not exist: known are ${Object.keys(table).join(', ')}`);
    return sum | bit;
  }, 0);
}

class Dictionary {
  readonly texts = [''];
  private readonly known = new Map([['', 0]]);

  index(text: string): number {
    let index = this.known.get(text);
    if (index === undefined) {
      index = this.texts.push(text) - 1;
      this.known.set(text, index);
    }
    return index;
  }
}
