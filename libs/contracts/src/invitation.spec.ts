import { createHash } from 'node:crypto';
import {
  type Invitation,
  decodeInvitation,
  encodeInvitation,
  fingerprintOf,
  invitationCharactersMax,
} from './index.ts';

const invitation: Invitation = {
  ingest: 'norn.example.com:7401',
  enrol: '[fd00::7]:7408',
  name: 'localhost',
  authority: 'ab'.repeat(32),
  token: 'kZ4_-'.repeat(8),
  hosts: 3,
  expiresAt: '2026-11-30T10:00:00.000Z',
};

const refusal = (text: string): string => {
  try {
    decodeInvitation(text);
    return 'taken';
  } catch (error) {
    return String((error as { code?: string }).code);
  }
};

/** With a sum that is right. */
const wrapped = (content: string): string => {
  const body = Buffer.from(content).toString('base64url');
  return `norn1.${body}.${createHash('sha256').update(body).digest('base64url').slice(0, 8)}`;
};

describe('an invitation', () => {
  it('says the same after its way as one word', () => {
    const word = encodeInvitation(invitation);
    expect(word).toMatch(/^norn1\.[\w-]+\.[\w-]{8}$/);
    expect(decodeInvitation(` ${word}\n`)).toEqual(invitation);
  });

  it('that lost its end, its beginning or a letter is refused', () => {
    const word = encodeInvitation(invitation);
    const at = 40;
    const changed = word.slice(0, at) + (word[at] === 'A' ? 'B' : 'A') + word.slice(at + 1);
    for (const broken of ['', word.slice(0, -1), word.slice(0, 60), word.slice(1), `${word}.more`, changed])
      expect(refusal(broken)).toBe('invitation_garbled');
  });

  it('is refused with what is wrong in it', () => {
    const withWrong = (wrong: object): string => wrapped(JSON.stringify({ ...invitation, ...wrong }));
    expect(() => decodeInvitation(withWrong({ authority: 'abc' }))).toThrow(/authority is no SHA-256/);
    expect(() => decodeInvitation(withWrong({ ingest: '10.0.0.1' }))).toThrow(/ingest is not host:port/);
    expect(refusal(withWrong({ hosts: 0 }))).toBe('invitation_garbled');
    expect(refusal(withWrong({ shell: 'sh' }))).toBe('invitation_garbled');
    expect(refusal(wrapped('no JSON'))).toBe('invitation_garbled');
  });

  it('that is too long is not looked at', () => {
    expect(() => decodeInvitation(`norn1.${'A'.repeat(invitationCharactersMax)}.AAAAAAAA`)).toThrow(/characters/);
  });

  it('of the longest names fits', () => {
    const host = 'a'.repeat(253);
    const long = { ...invitation, ingest: `${host}:65535`, enrol: `${host}:65535`, name: host };
    expect(decodeInvitation(encodeInvitation(long))).toEqual(long);
  });
});

describe('the fingerprint of a certificate', () => {
  it('is what `openssl x509 -fingerprint -sha256` says', () => {
    const said = 'ef0f7d759d4cf5ca24fb580b305ea3e2d2c4dc2f501066d821806f1d52e98d7c';
    expect(fingerprintOf(certificate)).toBe(said);
    expect(() => fingerprintOf('nothing')).toThrow();
  });
});

const certificate = `-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUaKIhSK24KzDk9Fsi6vQslHKh3H0wCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwETm9ybjAgFw0yNjExMjkwOTU0MTdaGA8yMTI2MTEwNTA5NTQx
N1owDzENMAsGA1UEAwwETm9ybjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPvM
oAFvalIg7Ym9ZCz7F/qiX+97+GuWOYs6h/Mm7f5CXR3WjtYPD5A7R7WjKWu8jkjE
OCKZYr/tH2HgcuaLiw6jUzBRMB0GA1UdDgQWBBT4a0RUQt5uczbQM6sVsbLZ4EW5
ETAfBgNVHSMEGDAWgBT4a0RUQt5uczbQM6sVsbLZ4EW5ETAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIQDd6pFJDG/Y2zdLZxU8TTUKFTJjja/qiUJ3
Q2TslRsaZAIgEEF5JGj+sjkEzEexa/j/cQUvoTT15qC9P3pJ8NjGdXg=
-----END CERTIFICATE-----
`;
