// What an agent needs to tell whether it was sent something by its installation, without what reads policies and rules.
export { takeCommandKeys, type HeldCommandKeys } from './command-keys.ts';
export type { ProofKeys } from './proof.ts';
export { verifyCommand, type CommandRefusal } from './verify-command.ts';
export {
  groupsOfHost,
  signedPolicyBytesMax,
  verifyPolicy,
  type PolicyRefusal,
  type PolicyVerdict,
} from './verify-policy.ts';
