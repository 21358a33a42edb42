// The JSON of proto/norn/view as the API sends it: every field present.
import type {
  AlertDetailJson,
  AlertViewJson,
  CommandViewJson,
  AuditVerificationViewJson,
  ContainerViewJson,
  ExceptionPreviewViewJson,
  ExceptionProposalViewJson,
  ExceptionViewJson,
  FindingListJson,
  FindingViewJson,
  HostViewJson,
  HuntProgressViewJson,
  HuntViewJson,
  ImportedFileViewJson,
  JoinTokenViewJson,
  PlacedFindingViewJson,
  HostGroupListJson,
  HostGroupViewJson,
  PolicyHistoryJson,
  PolicyTrialViewJson,
  PolicyViewJson,
  ProblemViewJson,
  RuleImportViewJson,
  RuleViewJson,
} from './gen/norn/view/v1/view_pb.ts';

/** Protobuf's JSON mapping makes every field optional and numbers maybe "NaN"; the API emits all, and numbers only. */
export type Shown<T> = [number] extends [T]
  ? number
  : T extends (infer Item)[]
    ? Shown<Item>[]
    : T extends object
      ? { [Key in keyof T]-?: Shown<Exclude<T[Key], undefined>> }
      : T;

export type ShownAlert = Shown<AlertViewJson>;
export type ShownAlertDetail = Shown<AlertDetailJson>;
export type ShownCommand = Shown<CommandViewJson>;
export type ShownAuditVerification = Shown<AuditVerificationViewJson>;
export type ShownContainer = Shown<ContainerViewJson>;
export type ShownException = Shown<ExceptionViewJson>;
export type ShownExceptionPreview = Shown<ExceptionPreviewViewJson>;
export type ShownExceptionProposal = Shown<ExceptionProposalViewJson>;
export type ShownFinding = Shown<FindingViewJson>;
export type ShownFindingList = Shown<FindingListJson>;
export type ShownPlacedFinding = Shown<PlacedFindingViewJson>;
export type ShownPolicy = Shown<PolicyViewJson>;
export type ShownPolicyHistory = Shown<PolicyHistoryJson>;
export type ShownHostGroup = Shown<HostGroupViewJson>;
export type ShownHostGroupList = Shown<HostGroupListJson>;
export type ShownPolicyTrial = Shown<PolicyTrialViewJson>;
export type ShownHost = Shown<HostViewJson>;
export type ShownHunt = Shown<HuntViewJson>;
/** One of them. */
export interface ShownHuntStep {
  readonly progress?: Shown<HuntProgressViewJson>;
  readonly found?: ShownHunt;
  readonly problem?: Shown<ProblemViewJson>;
}
export type ShownJoinToken = Shown<JoinTokenViewJson>;
export type ShownImportedFile = Shown<ImportedFileViewJson>;
export type ShownRuleImport = Shown<RuleImportViewJson>;
export type ShownRule = Shown<RuleViewJson>;
