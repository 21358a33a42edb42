import { X509Certificate, createPrivateKey } from 'node:crypto';
import { Authority } from '../src/enrolment/authority.ts';
import { ServerCertificate } from '../src/enrolment/server-certificate.ts';
import { type TestSecrets, makeSecrets } from './test-authority.ts';

describe('the certificate that ingest shows', () => {
  const dayMs = 24 * 3_600_000;
  let secrets: TestSecrets;
  beforeAll(async () => {
    secrets = await makeSecrets();
  });
  const keysOf = (given: TestSecrets) => ({ secrets: given, authority: Authority.open(given) });
  // A test's is good from a day ago to a day from now.
  const late = new Date(Date.now() + dayMs / 2);

  it('is the one that it was given, with its authority behind it', async () => {
    const shown = await new ServerCertificate().shown(keysOf(secrets));
    expect(shown.key).toBe(secrets.serverKeyPem);
    expect(shown.cert.split('-----BEGIN')).toHaveLength(3);
  });

  it('is another of the same names when two thirds of its time are over, and stays that one', async () => {
    const certificate = new ServerCertificate();
    const shown = await certificate.shown(keysOf(secrets), late);
    const made = new X509Certificate(shown.cert);
    expect(made.checkPrivateKey(createPrivateKey(shown.key))).toBe(true);
    expect(made.subjectAltName).toBe(new X509Certificate(secrets.serverCertPem).subjectAltName);
    expect(made.validToDate.getTime() - late.getTime()).toBeGreaterThan(89 * dayMs);
    expect((await certificate.shown(keysOf(secrets), late)).key).toBe(shown.key);
    const later = new Date(late.getTime() + 61 * dayMs);
    expect((await certificate.shown(keysOf(secrets), later)).key).not.toBe(shown.key);
  });

  it('is left as it is when another authority made it: who gave it renews it', async () => {
    const other = await makeSecrets();
    const foreign = { ...secrets, serverKeyPem: other.serverKeyPem, serverCertPem: other.serverCertPem };
    expect((await new ServerCertificate().shown(keysOf(foreign), late)).key).toBe(other.serverKeyPem);
  });
});
