// Sigma's fields and where a batch holds them. A field of a dictionary is judged once for each entry, not for each row.
import { event } from '@norn/contracts';
import type { RuleBatch } from './batch.ts';
import type { Category } from './rule.ts';

/** What an entry of a field's domain is: of the dictionary, of the process table, or the row itself. */
export type Domain = 'text' | 'process' | 'row';

export interface Field {
  readonly name: string;
  readonly domain: Domain;
  /** The entry of the domain that a row refers to. */
  entry(batch: RuleBatch, row: number): number;
  /** The field's texts at that entry; several for lists, one (perhaps empty) otherwise. */
  texts(batch: RuleBatch, entry: number): readonly string[];
}

const { EventKind, ExecFlag, ImageFlag } = event;
const RENAME: number = EventKind.FILE_RENAME;
const OPEN: number = EventKind.FILE_OPEN;
const CONNECT: number = EventKind.NET_CONNECT;
const at = (column: Uint8Array | Uint16Array | Uint32Array, index: number): number => column[index] ?? 0;
const imageOf = (batch: RuleBatch, row: number): number => at(batch.processImage, at(batch.process, row));

function ofText(name: string, entry: Field['entry']): Field {
  return { name, domain: 'text', entry, texts: (batch, index) => [batch.text(index)] };
}

function ofProcess(name: string, texts: Field['texts']): Field {
  return { name, domain: 'process', entry: (batch, row) => at(batch.process, row), texts };
}

function ofRow(name: string, texts: Field['texts']): Field {
  return { name, domain: 'row', entry: (_batch, row) => row, texts };
}

/** The file a row is about: its new name when it got one. */
function targetFile(batch: RuleBatch, row: number): number {
  return at(batch.kind, row) === RENAME ? at(batch.target, row) : at(batch.path, row);
}

const imageFlagNames: readonly (readonly [number, string])[] = [
  [ImageFlag.UPPER_LAYER, 'upper-layer'],
  [ImageFlag.MEMFD, 'memfd'],
  [ImageFlag.DELETED, 'deleted'],
  [ImageFlag.TMPFS, 'tmpfs'],
  [ImageFlag.WRITABLE, 'writable'],
  [ImageFlag.SETUID, 'setuid'],
  [ImageFlag.NEW, 'new'],
];

const execFlagNames: readonly (readonly [number, string])[] = [
  [ExecFlag.KILLED_AT_EXEC, 'killed-at-exec'],
  [ExecFlag.RUNTIME_COPY, 'runtime-copy'],
];

/** open(2) flags on x86-64 and arm64 Linux; the access mode is the lowest two bits. */
const openFlagNames: readonly (readonly [number, string])[] = [
  [0o100, 'create'],
  [0o1000, 'truncate'],
  [0o2000, 'append'],
];

function namesOf(bits: number, names: readonly (readonly [number, string])[]): string[] {
  return names.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
}

const imageFlags = new Map<number, readonly string[]>();
/** 128 combinations at most, each named once. */
function imageFlagTexts(bits: number): readonly string[] {
  const known = imageFlags.get(bits & 127);
  if (known) return known;
  const named = namesOf(bits, imageFlagNames);
  imageFlags.set(bits & 127, named);
  return named;
}

const processFields: readonly Field[] = [
  ofText('Image', (batch, row) => at(batch.imagePath, imageOf(batch, row))),
  ofText('CommandLine', (batch, row) => at(batch.imageCommandLine, imageOf(batch, row))),
  ofText('CurrentDirectory', (batch, row) => at(batch.imageWorkingDirectory, imageOf(batch, row))),
  ofText('Container', (batch, row) => at(batch.containerId, at(batch.processContainer, at(batch.process, row)))),
  ofProcess('User', (batch, process) => [batch.userName(process)]),
  ofProcess('ParentImage', (batch, process) => [batch.ancestorImages(process)[0] ?? '']),
  ofProcess('ParentCommandLine', (batch, process) => [batch.parentCommandLine(process)]),
  ofProcess('AncestorImages', (batch, process) => batch.ancestorImages(process)),
  ofProcess('ImageFlags', (batch, process) => imageFlagTexts(at(batch.imageFlags, at(batch.processImage, process)))),
  ofProcess('sha256', (batch, process) => [batch.imageSha256(at(batch.processImage, process))]),
  ofProcess('Hashes', (batch, process) => hashes(batch.imageSha256(at(batch.processImage, process)))),
];

function hashes(sha256: string): readonly string[] {
  return sha256 === '' ? [] : [`SHA256=${sha256.toUpperCase()}`];
}

const eventKind = ofRow('EventKind', (batch, row) => [EventKind[at(batch.kind, row)]?.toLowerCase() ?? '']);

const fileFields: readonly Field[] = [
  ofText('TargetFilename', targetFile),
  ofText('SourceFilename', (batch, row) =>
    at(batch.kind, row) === RENAME ? at(batch.path, row) : at(batch.target, row),
  ),
  ofRow('OpenFlags', (batch, row) =>
    at(batch.kind, row) === OPEN ? namesOf(at(batch.flags, row), openFlagNames) : [],
  ),
];

const networkFields: readonly Field[] = [
  ofText('DestinationIp', (batch, row) => at(batch.path, row)),
  ofRow('DestinationPort', (batch, row) => [String(remotePort(batch, row))]),
  ofRow('Initiated', (batch, row) => [String(at(batch.kind, row) === CONNECT)]),
];

function remotePort(batch: RuleBatch, row: number): number {
  return Number((batch.value[row] ?? 0n) >> 16n) & 0xffff;
}

const execFlags = ofRow('ExecFlags', (batch, row) => namesOf(at(batch.flags, row), execFlagNames));

const everywhere = [...processFields, eventKind];
const ofFiles = [...everywhere, ...fileFields];
const byCategory: Readonly<Record<Category, readonly Field[]>> = {
  process_creation: [...everywhere, execFlags],
  file_event: ofFiles,
  file_change: ofFiles,
  file_delete: ofFiles,
  file_rename: ofFiles,
  network_connection: [...everywhere, ...networkFields],
};

/** The field of that name, or undefined when the category has none. */
export function fieldOf(category: Category, name: string): Field | undefined {
  return byCategory[category].find((field) => field.name.toLowerCase() === name.toLowerCase());
}

export function fieldNames(category: Category): string[] {
  return byCategory[category].map((field) => field.name);
}

/** A field whose value decides most rules of a category, so that one look at it can spare all of them. */
export function gateOf(category: Category): Field | undefined {
  return category.startsWith('file_') ? fieldOf(category, 'TargetFilename') : undefined;
}
