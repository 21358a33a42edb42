// How Norn answers an alert: policy decides actions, a command carries one to a host, signed; the host checks it.
export { commandKeyId, keyIdOfPair, publicKeyPemOf, signBytes, type Signature } from './signature.ts';
export { readCommandKeys, signCommandKeys, type HeldCommandKeys } from './command-keys.ts';
export { signCommand } from './sign-command.ts';
export {
  commandBytesMax,
  verifyCommand,
  type CommandContext,
  type CommandRefusal,
  type CommandVerdict,
} from './verify-command.ts';
export {
  POLICY,
  proofRefusalOf,
  proveFinding,
  provenFindings,
  signForPerson,
  type ProofKeys,
  type ProofRefusal,
  type ProofSigner,
} from './proof.ts';
export {
  parsePolicy,
  policyActions,
  policyKinds,
  type Policy,
  type PolicyAction,
  type PolicyKind,
  type PolicyRule,
} from './policy/policy-file.ts';
export { detectionsOf } from './policy/compile-rule.ts';
export { PolicyEngine, type PolicyDecision, type PolicyDecisions, type PolicyHost } from './policy/policy-engine.ts';
export {
  isDenied,
  isOfPolicy,
  policyResponseOf,
  sayDecision,
  type FindingResponse,
  type SaidDecision,
} from './policy/policy-finding.ts';
export { testPolicy, type PolicyTestReport, type WrongDecision } from './policy/test-policy.ts';
export {
  decideResponse,
  findingsToRestore,
  nothingAnswered,
  protectionOf,
  type Answered,
  type Decision,
  type ProtectionResponses,
} from './protection-response.ts';
export { hostRulesOf, type HostEnforcement, type HostRules } from './policy/host-rules.ts';
export { nameTest, type NameTest } from './policy/name-pattern.ts';
export {
  makeHostPolicy,
  signPolicy,
  signedHostPolicy,
  unsignedHostPolicy,
  type HostPolicySource,
} from './host-policy.ts';
export {
  groupsOfHost,
  hostPolicyBytesMax,
  signedPolicyBytesMax,
  verifyPolicy,
  type PolicyContext,
  type PolicyRefusal,
  type PolicyVerdict,
} from './verify-policy.ts';
export type { AlertAction, Button, CommandAct, Situation } from './commands/alert-action.ts';
export { actOf, actionNames, actionOf, alertActions, rivalsOf, type ActionName } from './commands/actions.ts';
export { orderOf, type AskedAbout, type AskedAction, type Order } from './commands/order.ts';
export { offTheNetwork, standingRestores, undoneIds } from './commands/standing.ts';
export {
  alertStateAfter,
  isFinal,
  nextState,
  stateNamed,
  statesBefore,
  type CommandState,
  type CommandSummary,
  type FileState,
} from './commands/states.ts';
export type { AlertState } from './commands/alert-state.ts';
