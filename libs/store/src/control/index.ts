// The control plane in PostgreSQL: tenants, people, hosts, policies, alerts' handling, commands.
export * from './entities/tenancy.ts';
export * from './entities/handling.ts';
export { createControlStore, withPassword, type ControlStoreConfig } from './data-source.ts';
export { audit, type AuditFact } from './audit.ts';
export * from './tokens.ts';
export * from './tenants.ts';
export * from './changes.ts';
export {
  issueCommand,
  COMMANDS_TOPIC,
  type CommandIssuer,
  type CommandOrder,
  type CommandSigner,
  type LockedAlert,
} from './issue-command.ts';
export { archiveAlert, lockAlert, requestAction, type ActionRequest } from './request-action.ts';
export { standingRestores, undoneIds } from './restores.ts';
export { listenTo, type Listener } from './listen.ts';
