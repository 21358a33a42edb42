// The control plane in PostgreSQL: tenants, people, hosts, policies, alerts' handling, commands.
export * from './entities/tenancy.ts';
export * from './entities/handling.ts';
export * from './entities/rules.ts';
export * from './entities/policies.ts';
export {
  createControlStore,
  isControlStoreAway,
  isControlStoreFull,
  openControlStore,
  withPassword,
  type ControlStoreConfig,
} from './data-source.ts';
export { audit, auditAll, type AuditFact } from './audit.ts';
export { sealAudit, verifyAudit, type AuditVerification } from './audit-chain.ts';
export * from './tokens.ts';
export * from './tenants.ts';
export * from './changes.ts';
export {
  issueCommand,
  COMMANDS_TOPIC,
  type CommandIssuer,
  type CommandOrder,
  type LockedAlert,
} from './issue-command.ts';
export { archiveAlert, lockAlert, requestAction, type ActionRequest, type PersonIssuer } from './request-action.ts';
export * from './transitions.ts';
export {
  IMPORTED_RULES_MAX,
  importRules,
  importedRules,
  importedRulesMark,
  runningRules,
  removeRule,
  setRuleState,
  type RuleCheck,
  type RuleImport,
  type RuleStateChange,
  type RuleToImport,
} from './imported-rules.ts';
export {
  forgetGoneContainers,
  hostsInTrouble,
  markTroublesTold,
  writeHeard,
  type HeardHosts,
  type HostTroubleRow,
  type PresenceChange,
  type ProtectionChange,
} from './host-presence.ts';
export { addRuleCosts, ruleCosts, type RuleCostRow } from './rule-costs.ts';
export {
  RULE_EXCEPTIONS_MAX,
  addRuleException,
  judgedExceptions,
  removeRuleException,
  ruleExceptions,
  ruleExceptionsMark,
  type ExceptionToAdd,
  type ExceptionToRemove,
} from './rule-exceptions.ts';
export {
  applyPolicy,
  POLICY_HISTORY_MAX,
  policiesInForce,
  policiesMark,
  policyHistory,
  policyInForce,
  policyVersion,
  rollbackPolicy,
  type PolicyRollback,
  type PolicyToApply,
} from './policy-versions.ts';
export { removeHost, revokeHost, setMaintenance, type HostAccessChange } from './host-access.ts';
export { type TokenStop, maintenanceTokenOf, redeemToldLater, showMaintenanceToken } from './maintenance-tokens.ts';
export {
  HOST_GROUPS_MAX,
  assertHostGroup,
  hostGroups,
  putHostGroup,
  removeHostGroup,
  type HostGroupChange,
  type HostGroupToPut,
} from './host-groups.ts';
export {
  hostPoliciesMark,
  issueHostPolicy,
  POLICIES_TOPIC,
  reissueHostPolicies,
  resendHostPolicies,
  type HostPolicyParts,
  type MakeHostPolicy,
} from './host-policies.ts';
export { auditKeyDeed, hostKeys, type HostKeysRow, type KeyDeed } from './host-keys.ts';
export { allResolvedGroups, resolvedGroups, type ResolvedGroup } from './resolved-groups.ts';
export { listenTo, type Listener } from './listen.ts';
