// What must stand behind a command: a finding that detection signed for, or a person that the API signed for.
import { create } from '@bufbuild/protobuf';
import { fromHex } from '@norn/base';
import { action, finding } from '@norn/contracts';
import { generateKeyPairSync } from 'node:crypto';
import { makeTestProofs } from '../test/proofs.ts';
import { signCommand } from './sign-command.ts';
import { POLICY, proofRefusalOf, proveFinding, provenFindings, signForPerson } from './proof.ts';

const proofs = makeTestProofs();
const commandKey = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const uid = (digit: string): Uint8Array => fromHex(digit.repeat(32));

function found(digit: string, change: Partial<finding.Finding> = {}, by = proofs.detection): finding.Finding {
  const uids = { processUid: uid(digit), scopeUid: uid(digit) };
  const names = { id: digit.repeat(32), tenantId: 'default', hostId: 'host-1', source: finding.FindingSource.RULE };
  const made = create(finding.FindingSchema, { ...names, ...uids });
  return { ...made, proof: proveFinding(made, by), ...change };
}

interface Asked {
  readonly findings?: readonly finding.Finding[];
  readonly change?: Partial<action.Command>;
}

/** As remediation makes it of an alert with these findings. */
function policys({ findings = [found('a')], change = {} }: Asked = {}): action.Command {
  const findingIds = findings.map(({ id }) => id);
  const command = create(action.CommandSchema, {
    id: 'c'.repeat(32),
    tenantId: 'default',
    hostId: 'host-1',
    requestedBy: POLICY,
    findingIds,
    scopeUids: findings.map(({ scopeUid }) => scopeUid),
    findings: provenFindings(findings, { findingIds, scopeUids: [] }),
    action: { case: 'kill', value: {} },
  });
  return Object.assign(command, change);
}

function refusal(command: action.Command, sign = (signed: action.SignedCommand) => signed): string {
  return proofRefusalOf(sign(signCommand(command, commandKey)), command, proofs.keys) ?? 'none';
}

const restore = (value: Partial<action.RestoreAction>) =>
  ({ case: 'restore', value: { ...create(action.RestoreActionSchema), ...value } }) as const;

describe('a command of a policy', () => {
  it('stands on findings of this host that detection has signed for', () => {
    expect(refusal(policys())).toBe('none');
    expect(refusal(policys({ findings: [found('a'), found('b')], change: { action: restore({}) } }))).toBe('none');
  });

  it.each<[string, Asked]>([
    ['no finding', { findings: [] }],
    ['a finding without proof', { findings: [found('a', { proof: undefined })] }],
    ['a proof by the key of another', { findings: [found('a', {}, proofs.api)] }],
    ['a finding of another host', { change: { hostId: 'host-2' } }],
    ['a finding of another tenant', { change: { tenantId: 'other' } }],
    ['a true proof under another id', { findings: [found('a', { id: 'b'.repeat(32) })] }],
    ['a true proof of another scope', { findings: [found('a', { scopeUid: uid('b') })] }],
    ['a true proof of another process', { findings: [found('a', { processUid: uid('b') })] }],
    ['a true proof of a reflex', { findings: [found('a', { source: finding.FindingSource.REFLEX })] }],
    ['a true proof of another container', { findings: [found('a', { containerId: 'c1' })] }],
    ['one true and one made up', { findings: [found('a'), found('b', { proof: found('a').proof })] }],
    ['a scope that no finding blames', { change: { scopeUids: [uid('a'), uid('d')] } }],
    ['an id that no finding has', { change: { findingIds: ['a'.repeat(32), 'd'.repeat(32)] } }],
    ['no scope', { change: { scopeUids: [] } }],
    ['an action of more than scopes', { change: { action: restore({ wholeContainer: true }) } }],
    ['a cold restore', { change: { action: restore({ cold: true }) } }],
    ['a restore over conflicts', { change: { action: restore({ overConflicts: true }) } }],
    ['an undo', { change: { action: restore({ undoCommandId: 'e'.repeat(32) }) } }],
    ['an isolation', { change: { action: { case: 'isolate', value: create(action.IsolateActionSchema) } } }],
    ['a release', { change: { action: { case: 'release', value: create(action.ReleaseActionSchema) } } }],
  ])('is refused with %s', (_, asked) => {
    expect(refusal(policys(asked))).toBe('finding_unproven');
  });

  it('is not one by the word of the API', () => {
    expect(refusal(policys({ findings: [] }), (signed) => signForPerson(signed, proofs.api))).toBe('finding_unproven');
  });

  it('says of a finding the same whenever detection signs for it', () => {
    expect(found('a').proof).toEqual(found('a').proof);
  });
});

describe('a command of a person', () => {
  const asked = (requestedBy = 'ada') => policys({ findings: [], change: { requestedBy } });

  it('stands on the word of the API, for whatever is asked', () => {
    expect(refusal(asked(), (signed) => signForPerson(signed, proofs.api))).toBe('none');
  });

  it('is refused without it, by the key of another, under no name, and over other bytes', () => {
    const other = makeTestProofs();
    expect(refusal(asked())).toBe('person_unproven');
    expect(refusal(asked(), (signed) => signForPerson(signed, other.api))).toBe('person_unproven');
    expect(refusal(asked(), (signed) => signForPerson(signed, proofs.detection))).toBe('person_unproven');
    expect(refusal(asked(''), (signed) => signForPerson(signed, proofs.api))).toBe('person_unproven');
    const borrowed = signForPerson(signCommand(asked(), commandKey), proofs.api);
    const { personSignature, personKeyId } = borrowed;
    expect(refusal(asked('eve'), (signed) => ({ ...signed, personSignature, personKeyId }))).toBe('person_unproven');
  });
});
