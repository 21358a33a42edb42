import { createServer as createPlainServer } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { fingerprintOf, type Invitation } from '@norn/contracts';
import { createAuthority, type Authority, type Issued } from '@norn/embedded/certificates';
import { fetchAuthority } from './known-authority.ts';

let authority: Authority;
let other: Authority;
const servers: Server[] = [];
const heard: Buffer[] = [];

beforeAll(async () => {
  authority = await createAuthority('Norn authority');
  other = await createAuthority('Norn authority');
});
afterAll(() => {
  for (const server of servers) server.close();
});

const ingestOf = (signer: Authority, names = ['localhost', '127.0.0.1']): Promise<Issued> =>
  signer.issue({ name: 'Norn ingest', names, purposes: ['server'] });

/** As ingest: its certificate and an authority's in the chain. */
async function serve({ keyPem, certificatePem }: Issued, shown: Authority): Promise<string> {
  const server = createServer({
    key: keyPem,
    cert: `${certificatePem}\n${shown.certificatePem}`,
    ALPNProtocols: ['h2'],
  });
  server.on('secureConnection', (socket: TLSSocket) => socket.on('data', (data: Buffer) => heard.push(data)));
  server.on('tlsClientError', () => undefined);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

const invitationTo = (address: string, known = authority): Invitation => ({
  ingest: address,
  enrol: address,
  name: 'localhost',
  authority: fingerprintOf(known.certificatePem),
  token: 't'.repeat(43),
  hosts: 1,
  expiresAt: new Date().toISOString(),
});

describe('the authority of an invitation', () => {
  it('is the one that the installation shows, if its fingerprint is right', async () => {
    const address = await serve(await ingestOf(authority), authority);
    expect(fingerprintOf(await fetchAuthority(invitationTo(address)))).toBe(fingerprintOf(authority.certificatePem));
  });

  it('is refused with another fingerprint, and nothing is sent', async () => {
    const address = await serve(await ingestOf(other), other);
    await expect(fetchAuthority(invitationTo(address))).rejects.toMatchObject({ code: 'authority_foreign' });
    expect(heard).toEqual([]);
  });

  it('is not believed of a server that only shows it', async () => {
    const address = await serve(await ingestOf(other), authority);
    await expect(fetchAuthority(invitationTo(address))).rejects.toMatchObject({
      code: expect.stringMatching(/^(authority|ingest)_foreign$/),
    });
    expect(heard).toEqual([]);
  });

  it('is of no use where the certificate is in another name', async () => {
    const address = await serve(await ingestOf(authority, ['ingest.example.com']), authority);
    await expect(fetchAuthority(invitationTo(address))).rejects.toMatchObject({
      code: 'ingest_foreign',
      message: expect.stringContaining('NORN_INGEST_NAME'),
    });
  });

  it('can not be had where nobody answers', async () => {
    const plain = createPlainServer();
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(plain.address() as { port: number }).port}`;
    await new Promise((resolve) => plain.close(resolve));
    await expect(fetchAuthority(invitationTo(address))).rejects.toMatchObject({
      code: 'ingest_unreachable',
      message: expect.stringMatching(/ECONNREFUSED.*NORN_AGENT_HOST/),
    });
  });
});
