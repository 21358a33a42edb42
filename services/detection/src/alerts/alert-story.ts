// What the findings of one attack say together: how bad, how sure, in which order, in one sentence. A pure function of the findings.
import { finding } from '@norn/contracts';
import { isOfPolicy } from '@norn/response';
import { attackSteps } from '@norn/rules';
import { limits } from '../limits.ts';
import { repeatOf } from '../watch/trouble-finding.ts';

const { FindingSource, Severity } = finding;

/** What a rule that fired adds to the sum, by its severity. */
const weights: Readonly<Record<finding.Severity, number>> = {
  [Severity.UNSPECIFIED]: 0,
  [Severity.INFORMATIONAL]: 0,
  [Severity.LOW]: 1,
  [Severity.MEDIUM]: 4,
  [Severity.HIGH]: 12,
  [Severity.CRITICAL]: 36,
};

/** How likely it is an attack when only this was found. */
const likelihoods: Readonly<Record<finding.Severity, number>> = {
  [Severity.UNSPECIFIED]: 0.01,
  [Severity.INFORMATIONAL]: 0.01,
  [Severity.LOW]: 0.08,
  [Severity.MEDIUM]: 0.3,
  [Severity.HIGH]: 0.6,
  [Severity.CRITICAL]: 0.85,
};
const REFLEX_LIKELIHOOD = 0.9;

/** Steps that the sentence names; it counts the others. */
const TOLD_MAX = 4;

export type Story = Pick<finding.Alert, 'severity' | 'confidence' | 'techniques' | 'summary'>;

/** `head` is the finding that weighs most. */
export function storyOf(findings: readonly finding.Finding[], head: finding.Finding): Story {
  const steps = attackSteps(findings);
  return {
    severity: severityOf(steps),
    confidence: confidenceOf(steps),
    techniques: [...new Set(steps.flatMap(({ techniques }) => techniques))],
    summary: cut(repeated(findings, head) ?? sentenceOf(steps, head)),
  };
}

/** The worst of them, or what they sum up to: three of one severity are one of the next. */
function severityOf(steps: readonly finding.Finding[]): finding.Severity {
  const sum = steps.reduce((total, { severity }) => total + weights[severity], 0);
  const isReached = (severity: finding.Severity): boolean =>
    steps.some((step) => step.severity >= severity) || (severity >= Severity.MEDIUM && sum >= weights[severity]);
  const worstFirst = [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW];
  return worstFirst.find(isReached) ?? Severity.INFORMATIONAL;
}

/** That not all of them are by chance, as if each rule erred by itself; percent. */
function confidenceOf(steps: readonly finding.Finding[]): number {
  const allChance = steps.reduce((chance, step) => chance * (1 - likelihoodOf(step)), 1);
  return Math.min(99, Math.max(1, Math.round(100 * (1 - allChance))));
}

function likelihoodOf(each: finding.Finding): number {
  const { source, severity, evidence } = each;
  const isWithheld = evidence.some(({ field }) => field === 'response.withheld');
  // A policy may deny what is no attack.
  return source === FindingSource.REFLEX && !isWithheld && !isOfPolicy(each)
    ? REFLEX_LIKELIHOOD
    : likelihoods[severity];
}

/** What hosts are in trouble with happens again, and is no further step: undefined of anything else. */
function repeated(findings: readonly finding.Finding[], head: finding.Finding): string | undefined {
  const repeat = repeatOf(findings);
  return repeat === undefined ? undefined : `${head.summary}; ${repeat}`;
}

/** A reflex knows the whole story of what it stopped; of rules each tells a step. */
function sentenceOf(steps: readonly finding.Finding[], head: finding.Finding): string {
  const own = head.summary || head.title;
  const others = steps.length - 1;
  const more = others === 1 ? '1 more step' : `${String(others)} more steps`;
  if (others === 0 || isSequence(head)) return own;
  if (head.source === FindingSource.REFLEX) return `${own}, with ${more}`;
  const told = steps.slice(0, TOLD_MAX).map((step) => step.summary || step.title);
  const untold = steps.length - told.length;
  const rest = untold === 0 ? '' : untold === 1 ? ', and 1 more step' : `, and ${String(untold)} more steps`;
  return [...new Set(told)].join(', then ') + rest;
}

/** Told by its events already. */
function isSequence({ evidence }: finding.Finding): boolean {
  return evidence.some(({ field }) => field === 'event');
}

function cut(sentence: string): string {
  const { textMax } = limits.finding;
  return sentence.length > textMax ? `${sentence.slice(0, textMax - 1)}…` : sentence;
}
