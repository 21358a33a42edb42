// ClickHouse: events, processes, findings, alerts, outcomes, containers.
export { type ReaderConfig, type TenantReader, createReader } from './reader.ts';
export {
  type ClickHouseTable,
  type QueryParameter,
  type TenantQuery,
  type TenantQueryParts,
  clickHouseTables,
  queryLimits,
  tenantQuery,
} from './tenant-query.ts';
