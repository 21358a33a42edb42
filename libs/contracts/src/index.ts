// The messages of proto/ (generated) and the columnar batch: the only place where two stages meet.
export * as agent from './gen/norn/agent/v1/agent_pb.ts';
export * as local from './gen/norn/agent/v1/local_pb.ts';
export * as event from './gen/norn/event/v1/event_pb.ts';
export * as finding from './gen/norn/finding/v1/finding_pb.ts';
export * as occurrence from './gen/norn/finding/v1/occurrence_pb.ts';
export * as action from './gen/norn/action/v1/action_pb.ts';
export * as policy from './gen/norn/policy/v1/policy_pb.ts';
export * as lineage from './gen/norn/lineage/v1/lineage_pb.ts';
export * as view from './gen/norn/view/v1/view_pb.ts';
export type {
  Shown,
  ShownAlert,
  ShownAlertDetail,
  ShownCommand,
  ShownAuditVerification,
  ShownContainer,
  ShownException,
  ShownExceptionPreview,
  ShownExceptionProposal,
  ShownFinding,
  ShownFindingList,
  ShownHost,
  ShownHostGroup,
  ShownHostGroupList,
  ShownHunt,
  ShownHuntStep,
  ShownImportedFile,
  ShownJoinToken,
  ShownPlacedFinding,
  ShownPolicy,
  ShownPolicyHistory,
  ShownPolicyTrial,
  ShownRule,
  ShownRuleImport,
} from './shown.ts';
export * from './grpc/agent-service.ts';
export * from './grpc/batch-envelope.ts';
export * from './host.ts';
export * from './maintenance-token.ts';
export * from './invitation.ts';
export * from './batch/index.ts';
export { podLabels } from './pods.ts';
export { sensitiveFileNames, sensitiveFileOf } from './sensitive-files.ts';
