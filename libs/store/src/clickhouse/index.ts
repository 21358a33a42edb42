// ClickHouse: events, processes, findings, alerts, outcomes, containers.
export { NativeBlock } from './native/block.ts';
export { type ReadProgress, type ReaderConfig, type Reading, type TenantReader, createReader } from './reader.ts';
export type { RowOwner } from './tables/column-kinds.ts';
export { createContainersBlock, pushContainer } from './tables/containers.ts';
export { createEventsBlock, pushEvents } from './tables/events.ts';
export { createAlertsBlock, createFindingsBlock, pushAlert, pushFinding } from './tables/findings.ts';
export { createOutcomeFilesBlock, pushOutcomeFile } from './tables/outcome-files.ts';
export { type DescribedProcess, createProcessesBlock, pushProcess } from './tables/processes.ts';
export {
  type ClickHouseTable,
  type QueryParameter,
  type TenantJoin,
  type TenantQuery,
  type TenantQueryParts,
  clickHouseTables,
  queryLimits,
  tenantQuery,
} from './tenant-query.ts';
export {
  type AnyBlock,
  type BatchStretch,
  type MissingRows,
  type StoreWriter,
  type StreamQuestion,
  type WriterConfig,
  createWriter,
} from './writer.ts';
