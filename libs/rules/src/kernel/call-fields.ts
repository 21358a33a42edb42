// Fields of rows about calls that few programs have a reason to make: tracing, modules, mounts, namespaces, BPF.
import { event } from '@norn/contracts';
import type { RuleBatch } from './batch.ts';
import {
  accessNames,
  accessOf,
  bpfCommandNames,
  bpfProgramTypeNames,
  mountFlagNames,
  namespaceNames,
  PROGRAM_LOAD,
  type Numbered,
} from './call-names.ts';
import { at, means, ofRow, ofTable, ofText, type FieldRow, type Meaning } from './field-row.ts';
import { namesOf } from './flag-names.ts';

const flagsOf = (batch: RuleBatch, row: number): number => at(batch.flags, row);

function ofNumber(name: string, meaning: Meaning, names: Numbered, entry: FieldRow['entry']): FieldRow {
  const texts = (_batch: RuleBatch, number: number): string[] => [names.get(number) ?? ''];
  return ofTable(name, meaning, { entry, texts, values: [...new Set(names.values())] });
}

/** The process that a row is about beside its own; there is none with the number 0. */
export const targetProcessId = ofRow('TargetProcessId', means('process.pid', 'EventColumns.value'), (batch, row) => {
  const pid = Number((batch.value[row] ?? 0n) & 0xffff_ffffn);
  return pid === 0 ? [] : [String(pid)];
});

export const accessFields: readonly FieldRow[] = [
  targetProcessId,
  ofNumber('Access', means('activity_name', 'EventColumns.kind EventColumns.flags'), accessNames, (batch, row) =>
    accessOf(at(batch.kind, row), flagsOf(batch, row)),
  ),
];

export const moduleFields: readonly FieldRow[] = [
  ofText('ImageLoaded', means('driver.file.path', 'EventColumns.path'), (batch, row) => at(batch.path, row)),
  ofTable('Loaded', means('status', 'EventColumns.result'), {
    entry: (batch, row) => Number((batch.result[row] ?? 0) >= 0),
    texts: (_batch, loaded) => [String(loaded === 1)],
    values: ['true', 'false'],
  }),
];

export const mountFields: readonly FieldRow[] = [
  ofText('MountPoint', means('file.path', 'EventColumns.path'), (batch, row) => at(batch.path, row)),
  ofText('MountSource', means('file_result.path', 'EventColumns.target'), (batch, row) => at(batch.target, row)),
  ofRow('MountFlags', means('unmapped.mount_flags', 'EventColumns.flags'), (batch, row) =>
    namesOf(flagsOf(batch, row), mountFlagNames),
  ),
];

export const namespaceFields: readonly FieldRow[] = [
  ofRow('Namespaces', means('unmapped.namespaces', 'EventColumns.flags'), (batch, row) =>
    namesOf(flagsOf(batch, row), namespaceNames),
  ),
];

const loadsProgram = (batch: RuleBatch, row: number): boolean => flagsOf(batch, row) === PROGRAM_LOAD;

export const bpfFields: readonly FieldRow[] = [
  ofNumber('BpfCommand', means('api.operation', 'EventColumns.flags'), bpfCommandNames, flagsOf),
  ofNumber(
    'BpfProgramType',
    means('unmapped.bpf_program_type', 'EventColumns.value'),
    bpfProgramTypeNames,
    (batch, row) => (loadsProgram(batch, row) ? Number((batch.value[row] ?? 0n) & 0xffn) : 0),
  ),
  ofText('BpfProgram', means('unmapped.bpf_program', 'EventColumns.path'), (batch, row) => at(batch.path, row)),
];

const { EventKind } = event;
/** What `value` is in these rows: a pid. */
export const kindsAboutProcesses: readonly number[] = [EventKind.PTRACE, EventKind.PROCESS_WRITE];
