// Marks what a rule finds beyond its share of a host's hour, so that one rule gone wild does not bury the alerts of all others.
import type { finding } from '@norn/contracts';
import { type Outcome, ok } from '@norn/pipeline';
import { policyResponseOf } from '@norn/response';
import type { FindingRates } from '../rates/finding-rates.ts';

interface Found {
  readonly record: { readonly key: string };
  readonly findings: readonly finding.Finding[];
}

/** What joins no alert anyhow has no share: else what is excepted could use up that of an attack. */
export function createLimitFindings(
  rates: FindingRates,
): <Envelope extends Found>(envelope: Envelope) => Outcome<Envelope> {
  return function limitFindings(envelope) {
    const findings = envelope.findings.map((each) => {
      if (each.observed || each.exceptedBy !== '' || isToBeStopped(each)) return each;
      return rates.isOverLimit(envelope.record.key, each) ? { ...each, limited: true } : each;
    });
    return ok({ ...envelope, findings });
  };
}

/** The tenant's policy wants it stopped: beyond a share, or an alert's list, nothing would be. */
export function isToBeStopped(each: finding.Finding): boolean {
  return (policyResponseOf(each) ?? 'observe') !== 'observe';
}
