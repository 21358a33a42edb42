// The columnar batch: read without objects, written by replays, tests and the load generator.
export { appendField } from './append-field.ts';
export { type BatchView, batchEventsMax, batchFields, columnsBytesMax, openBatch, shareColumns } from './batch-view.ts';
export { BatchWriter, type BatchHeader, type ProcessEntry, type Row } from './batch-writer.ts';
export type { BatchColumns, ContainerTable, ImageTable, ProcessTable } from './columns.ts';
export { capabilitiesOf, capabilitySets, nobodyId } from './columns.ts';
export { type LineageView, ancestorPathsMax, ancestorUidsMax, readLineage } from './lineage-view.ts';
export { type BatchRows, readRows } from './read-rows.ts';
export { StringDictionary } from './string-dictionary.ts';
export { checkUnfolded, stringBytesMax, unfoldedBytes, unfoldedBytesMax } from './unfolded.ts';
export { WireReader, varintSize, writeVarint } from './wire.ts';
