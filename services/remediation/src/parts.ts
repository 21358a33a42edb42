// Remediation's parts for those who put them together themselves: tests against the real PostgreSQL.
export { CommandKey } from './adapters/command-key.ts';
export { HostPolicyKeeper } from './adapters/host-policy-keeper.ts';
export { PostgresLedger } from './adapters/postgres-ledger.ts';
export { relayOutbox, type Send } from './adapters/postgres-outbox.ts';
export { sweepDeadlines } from './adapters/sweep-deadlines.ts';
export { Responder } from './responder.ts';
