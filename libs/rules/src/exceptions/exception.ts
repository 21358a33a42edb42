// Exceptions to rules: one rule, this process, in this place or with this evidence, from one moment of event time to another.
import type { finding } from '@norn/contracts';

/** What the process must be; what is empty may be anything. */
export interface ExceptedProcess {
  /** 64 hex. */
  readonly sha256: string;
  /** The whole path. */
  readonly imagePath: string;
  /** Name of the package that the program must belong to and be unchanged from: a hash ends with the next update, this does not. */
  readonly package: string;
  readonly parentImage: string;
  /** The whole of it. */
  readonly commandLine: string;
}

/** Where it must be; what is empty may be anything. */
export interface ExceptedPlace {
  readonly containerImage: string;
  readonly hostId: string;
  /** A group that people put hosts in. */
  readonly hostGroup: string;
  /** A directory, or one file: what the files of the finding's evidence must be under. */
  readonly pathPrefix: string;
}

export interface ExceptedEvidence {
  readonly field: string;
  readonly value: string;
}

/** Which findings are excepted. */
export interface ExceptionScope {
  readonly ruleId: string;
  readonly process: ExceptedProcess;
  readonly place: ExceptedPlace;
  /** The finding must have all of it. */
  readonly evidence: readonly ExceptedEvidence[];
}

/** A scope with its time: Unix µs, by the events' clock, so that a replay excepts the same. */
export interface Exception extends ExceptionScope {
  readonly id: string;
  readonly fromUs: bigint;
  /** Itself no longer covered. */
  readonly untilUs: bigint;
}

/** What an exception asks of a finding. */
export interface FindingFacts extends Pick<finding.Finding, 'ruleId' | 'hostId' | 'timeUs' | 'process' | 'evidence'> {
  /** Those that its host is in; absent: none that is known. */
  readonly hostGroups?: readonly string[];
}

/** Fields of evidence that name files. */
export const fileFields: readonly string[] = ['TargetFilename', 'SourceFilename'];

/** Whether the finding is one of those that the scope means, whenever it was. What the agent did about a reflex's it did: only the alert is left out. */
export function isWithin(scope: ExceptionScope, facts: FindingFacts): boolean {
  if (scope.ruleId !== facts.ruleId) return false;
  return isProcess(scope.process, facts) && isPlace(scope.place, facts) && hasAll(scope.evidence, facts);
}

/** Whether the exception covers the finding: within its scope, and its event within its time. */
export function covers(exception: Exception, facts: FindingFacts): boolean {
  const { fromUs, untilUs } = exception;
  return fromUs <= facts.timeUs && facts.timeUs < untilUs && isWithin(exception, facts);
}

function isProcess(asked: ExceptedProcess, { process }: FindingFacts): boolean {
  return (
    isEither(asked.sha256, process?.imageSha256) &&
    isEither(asked.imagePath, process?.imagePath) &&
    isEither(asked.package, process?.package) &&
    isEither(asked.parentImage, process?.parentImagePath) &&
    isEither(asked.commandLine, process?.commandLine)
  );
}

function isPlace({ containerImage, hostId, hostGroup, pathPrefix }: ExceptedPlace, facts: FindingFacts): boolean {
  return (
    (hostGroup === '' || (facts.hostGroups ?? []).includes(hostGroup)) &&
    isEither(containerImage, facts.process?.containerImage) &&
    isEither(hostId, facts.hostId) &&
    (pathPrefix === '' || areUnder(pathPrefix, facts))
  );
}

/** What is not known is not what was asked for. */
function isEither(asked: string, known = ''): boolean {
  return asked === '' || asked === known;
}

/** All of the finding's files are there, and there is one: an attack must not hide behind a file that is excepted. */
function areUnder(prefix: string, { evidence }: FindingFacts): boolean {
  const files = evidence.filter(({ field }) => fileFields.includes(field));
  return files.length > 0 && files.every(({ value }) => isUnder(prefix, value));
}

function isUnder(prefix: string, path: string): boolean {
  if (path.split('/').includes('..')) return false;
  return path === prefix || path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
}

function hasAll(asked: readonly ExceptedEvidence[], { evidence }: FindingFacts): boolean {
  return asked.every(({ field, value }) => evidence.some((known) => known.field === field && known.value === value));
}

/** The exceptions of one tenant, by rule, so that a finding is compared with those of its own rule alone. */
export class ExceptionSet {
  private readonly byRule: ReadonlyMap<string, readonly Exception[]>;

  constructor(exceptions: readonly Exception[]) {
    this.byRule = Map.groupBy(exceptions, ({ ruleId }) => ruleId);
  }

  /** The first that covers the finding. */
  covering(facts: FindingFacts): Exception | undefined {
    return this.byRule.get(facts.ruleId)?.find((exception) => covers(exception, facts));
  }
}
