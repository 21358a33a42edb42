import { create, toBinary } from '@bufbuild/protobuf';
import { action } from '@norn/contracts';
import { generateKeyPairSync } from 'node:crypto';
import { publicKeyPemOf, signCommand, signForPerson, verifyCommand, type CommandContext } from './index.ts';
import { makeTestProofs } from '../test/proofs.ts';

const newKey = () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const privateKeyPem = newKey();
const nowUs = 1_000_000n;
const proofs = makeTestProofs();

function aCommand(change: Partial<action.Command> = {}): action.Command {
  const command = create(action.CommandSchema, {
    id: 'a'.repeat(32),
    tenantId: 'default',
    hostId: 'host-1',
    alertId: 'b'.repeat(32),
    issuedAtUs: nowUs - 10n,
    expiresAtUs: nowUs + 10n,
    epoch: 5n,
    requestedBy: 'ada',
    action: { case: 'restore', value: {} },
  });
  return Object.assign(command, change);
}

/** As the API signs it. */
function check(signed: action.SignedCommand, change: Partial<CommandContext> = {}): string {
  const context = {
    proofKeys: proofs.keys,
    publicKeyPems: [publicKeyPemOf(privateKeyPem)],
    tenantId: 'default',
    hostId: 'host-1',
    nowUs,
  };
  const verdict = verifyCommand(signForPerson(signed, proofs.api), {
    ...context,
    seenIds: new Set<string>(),
    ...change,
  });
  return verdict.ok ? `ok ${verdict.command.id}` : verdict.code;
}

describe('verifyCommand', () => {
  it('takes a command signed for this host, now, the first time', () => {
    expect(check(signCommand(aCommand(), privateKeyPem))).toBe(`ok ${'a'.repeat(32)}`);
  });

  it('refuses a signature of another key', () => {
    expect(check(signCommand(aCommand(), newKey()))).toBe('bad_signature');
  });

  it('refuses bytes that were changed after they were signed', () => {
    const signed = signCommand(aCommand(), privateKeyPem);
    signed.command = toBinary(action.CommandSchema, aCommand({ hostId: 'host-2' }));
    expect(check(signed)).toBe('bad_signature');
  });

  it('says bad signature before anything the forger wrote', () => {
    expect(check(signCommand(aCommand({ expiresAtUs: 1n, tenantId: 'other' }), newKey()))).toBe('bad_signature');
  });

  it.each([
    ['wrong_tenant', aCommand({ tenantId: 'other' })],
    ['wrong_host', aCommand({ hostId: 'host-2' })],
    ['expired', aCommand({ expiresAtUs: nowUs })],
    ['malformed', aCommand({ id: '../../etc/passwd' })],
    ['malformed', aCommand({ action: { case: undefined } })],
  ])('refuses as %s', (code, command) => {
    expect(check(signCommand(command, privateKeyPem))).toBe(code);
  });

  it('refuses an id it has seen', () => {
    const seenIds = new Set(['a'.repeat(32)]);
    expect(check(signCommand(aCommand(), privateKeyPem), { seenIds })).toBe('replayed');
  });

  it('refuses an epoch that was overtaken, and takes the same epoch again', () => {
    const signed = signCommand(aCommand(), privateKeyPem);
    expect(check(signed, { highestEpoch: () => 6n })).toBe('fenced');
    expect(check(signed, { highestEpoch: () => 5n })).toMatch(/^ok/);
  });

  it('answers bytes that are no command without throwing', () => {
    const signed = signCommand(aCommand(), privateKeyPem);
    signed.command = new Uint8Array([0xff, 0xff, 0xff]);
    expect(check(signed)).toBe('bad_signature');
  });
});
