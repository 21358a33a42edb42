// The API's messages as the console gets them: every field present, no protobuf machinery.
import type { view } from '@norn/contracts';

type Shown<T> = T extends readonly (infer Item)[]
  ? Shown<Item>[]
  : T extends object
    ? { [Key in keyof T as Exclude<Key, '$typeName' | '$unknown'>]: Shown<T[Key]> }
    : T;

export type Alert = Shown<view.AlertView>;
export type AlertDetail = Shown<view.AlertDetail>;
export type AlertStep = Shown<view.AlertStep>;
export type AlertList = Shown<view.AlertList>;
export type Finding = Shown<view.FindingView>;
export type Process = Shown<view.ProcessView>;
export type Image = Shown<view.ImageView>;
export type FileVerdict = Shown<view.FileView>;
export type FileList = Shown<view.FileList>;
export type Command = Shown<view.CommandView>;
export type CommandList = Shown<view.CommandList>;
export type TimelineEntry = Shown<view.TimelineEntry>;
export type Action = Shown<view.ActionView>;
export type Host = Shown<view.HostView>;
export type HostList = Shown<view.HostList>;
export type Container = Shown<view.ContainerView>;
export type ContainerList = Shown<view.ContainerList>;
export type InstallationStatus = Shown<view.StatusView>;
export type Rule = Shown<view.RuleView>;
export type RuleList = Shown<view.RuleList>;
export type BlindSpot = Shown<view.BlindSpotView>;
export type Exception = Shown<view.ExceptionView>;
export type ExceptionList = Shown<view.ExceptionList>;
export type ExceptionPreview = Shown<view.ExceptionPreviewView>;
export type ExceptionProposal = Shown<view.ExceptionProposalView>;
export type Policy = Shown<view.PolicyView>;
export type PolicyRule = Shown<view.PolicyRuleView>;
export type PolicyHistory = Shown<view.PolicyHistory>;
export type PolicyTrial = Shown<view.PolicyTrialView>;
export type HostPolicy = Shown<view.HostPolicyView>;
export type JoinToken = Shown<view.JoinTokenView>;
export type Session = Shown<view.SessionView>;
export type Hunt = Shown<view.HuntView>;
/** A line of a hunt: one of them. */
export interface HuntStep {
  readonly progress?: HuntProgress;
  readonly found?: Hunt;
  readonly problem?: Shown<view.ProblemView>;
}
export type HuntProgress = Shown<view.HuntProgressView>;
export type HuntEvent = Shown<view.HuntEventView>;
export type HuntRule = Shown<view.HuntRuleView>;
export type HuntRuleList = Shown<view.HuntRuleList>;
