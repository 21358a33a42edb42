// What is kept: ClickHouse (events, lineage, findings, alerts, outcomes) and PostgreSQL (control plane).
export * from './control/index.ts';
export * from './clickhouse/index.ts';
