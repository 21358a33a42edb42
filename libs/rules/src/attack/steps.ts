// What an attack did, step by step.
import type { finding } from '@norn/contracts';

/** The first finding of each rule or reflex, in the order of their times. */
export function attackSteps(findings: readonly finding.Finding[]): finding.Finding[] {
  const first = new Map<string, finding.Finding>();
  for (const each of findings) {
    const known = first.get(each.ruleId);
    if (!known || isBefore(each, known)) first.set(each.ruleId, each);
  }
  return [...first.values()].sort((one, other) => (isBefore(one, other) ? -1 : 1));
}

function isBefore(one: finding.Finding, other: finding.Finding): boolean {
  return one.timeUs === other.timeUs ? one.id < other.id : one.timeUs < other.timeUs;
}
