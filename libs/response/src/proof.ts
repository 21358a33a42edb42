// Why a command may be: a finding that detection has signed for, or a person, whom the API has signed for. Whoever holds the key of commands alone
// can make neither up.
import { type KeyObject, sign, verify } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { toHex } from '@norn/base';
import { action, finding } from '@norn/contracts';

/** Who a policy's commands are requested by; no person is called so. */
export const POLICY = 'policy';

/** A private key and its id. */
export interface ProofSigner {
  readonly keyId: string;
  readonly key: KeyObject;
}

/** The public keys of those whose word counts: of findings "detection", of persons "api". */
export interface ProofKeys {
  find(signer: 'detection' | 'api', keyId: string): KeyObject | undefined;
}

export type ProofRefusal = 'finding_unproven' | 'person_unproven';

/** Roots and findings that one command names, at most: each proof is verified. */
const findingsMax = 1_000;

interface Place {
  readonly tenantId: string;
  readonly hostId: string;
}

/** What detection says by signing: that this finding is of this host, and whom it blames. */
type Claim = Pick<action.ProvenFinding, 'id' | 'source' | 'processUid' | 'scopeUid' | 'containerId'>;

/** The same finding and key give the same proof. */
export function proveFinding(each: Claim & Place, { keyId, key }: ProofSigner): finding.FindingProof {
  const signature = new Uint8Array(sign(null, claimOf(each, each), key));
  return create(finding.FindingProofSchema, { keyId, signature });
}

/** What a policy's command takes of its alert's findings: those it answers, and those of its scopes. */
export function provenFindings(
  findings: readonly finding.Finding[],
  { findingIds, scopeUids }: { readonly findingIds: readonly string[]; readonly scopeUids: readonly string[] },
): action.ProvenFinding[] {
  return findings
    .filter((each) => findingIds.includes(each.id) || scopeUids.includes(toHex(each.scopeUid)))
    .map(({ id, source, processUid, scopeUid, containerId, proof }) =>
      create(action.ProvenFindingSchema, { id, source, processUid, scopeUid, containerId, proof }),
    );
}

/** The command as a person asked for it. */
export function signForPerson(signed: action.SignedCommand, { keyId, key }: ProofSigner): action.SignedCommand {
  const personSignature = new Uint8Array(sign(null, personClaimOf(signed), key));
  return { ...signed, personSignature, personKeyId: keyId };
}

/** Why nothing stands behind the command; undefined when something does. `command` is what `signed` holds. */
export function proofRefusalOf(
  signed: action.SignedCommand,
  command: action.Command,
  keys: ProofKeys,
): ProofRefusal | undefined {
  if (command.requestedBy !== POLICY) return isOfPerson(signed, command, keys) ? undefined : 'person_unproven';
  return isPlain(command) && isOfFindings(command, keys) ? undefined : 'finding_unproven';
}

function isOfPerson(signed: action.SignedCommand, { requestedBy }: action.Command, keys: ProofKeys): boolean {
  const key = keys.find('api', signed.personKeyId);
  return requestedBy !== '' && key !== undefined && verify(null, personClaimOf(signed), key, signed.personSignature);
}

/** A policy stops subtrees and undoes what they did. All that reaches further than a finding's scope is a person's to ask. */
function isPlain({ action: what }: action.Command): boolean {
  switch (what.case) {
    case 'suspend':
      return true;
    case 'kill':
      return !what.value.wholeContainer;
    case 'restore': {
      const { wholeContainer, undoCommandId, cold, overConflicts } = what.value;
      return !wholeContainer && !cold && !overConflicts && undoCommandId === '';
    }
    default:
      return false;
  }
}

function isOfFindings(command: action.Command, keys: ProofKeys): boolean {
  const { findings, findingIds, scopeUids } = command;
  if (scopeUids.length === 0 || findingIds.length === 0 || findings.length > findingsMax) return false;
  const ids = new Set(findings.map(({ id }) => id));
  const scopes = new Set(findings.map(({ scopeUid }) => toHex(scopeUid)));
  const isNamed = findingIds.every((id) => ids.has(id)) && scopeUids.every((uid) => scopes.has(toHex(uid)));
  return isNamed && findings.every((each) => isProven(each, command, keys));
}

function isProven(each: action.ProvenFinding, place: Place, keys: ProofKeys): boolean {
  const key = each.proof && keys.find('detection', each.proof.keyId);
  return key !== undefined && verify(null, claimOf(each, place), key, each.proof?.signature ?? new Uint8Array());
}

function claimOf({ id, source, processUid, scopeUid, containerId }: Claim, { tenantId, hostId }: Place): Buffer {
  const uids = [processUid, scopeUid].map(toHex);
  return Buffer.from(JSON.stringify(['norn.finding.v1', tenantId, hostId, id, source, ...uids, containerId]));
}

function personClaimOf({ command }: action.SignedCommand): Buffer {
  return Buffer.concat([Buffer.from('norn.person.v1\n'), command]);
}
