// What is kept: ClickHouse (events, lineage, findings, alerts, outcomes) and PostgreSQL (control plane).
export * from './control/entities/tenancy.ts';
export * from './control/entities/handling.ts';
