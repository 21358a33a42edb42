// Signs for each finding of an alert, so that the host it happened on can tell a policy's command from one that somebody made up.
import type { finding } from '@norn/contracts';
import { type ProofSigner, proveFinding } from '@norn/response';

export type ProveAlert = (alert: finding.Alert) => finding.Alert;

/** A finding that is in an alert's next version again is not signed again. */
export function createProveAlert(signer: ProofSigner): ProveAlert {
  const proofs = new WeakMap<finding.Finding, finding.FindingProof>();
  const proven = (each: finding.Finding): finding.Finding => {
    const proof = proofs.get(each) ?? proveFinding(each, signer);
    proofs.set(each, proof);
    return { ...each, proof };
  };
  return function proveAlert(alert) {
    return { ...alert, findings: alert.findings.map(proven) };
  };
}
