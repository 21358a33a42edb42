// How Norn answers an alert: policy decides actions, a command carries one to a host, signed; the host checks it.
export { commandKeyId, publicKeyPemOf, signCommand } from './sign-command.ts';
export {
  commandBytesMax,
  verifyCommand,
  type CommandContext,
  type CommandRefusal,
  type CommandVerdict,
} from './verify-command.ts';
export {
  decideResponse,
  nothingAnswered,
  protectionOf,
  type Answered,
  type Decision,
  type PolicyResponse,
  type PolicyTable,
} from './policy.ts';
