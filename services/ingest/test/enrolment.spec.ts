// Who becomes a host, and who is one still: over real TLS, with real certificates.
import { sign } from 'node:crypto';
import { connect as connectTls } from 'node:tls';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Client, credentials, status } from '@grpc/grpc-js';
import { agent, enrolmentServiceDefinition } from '@norn/contracts';
import { tryIngest } from './ingest-trial.ts';
import { type HostIdentity, issueIdentity, makeRequest, makeSecrets } from './test-authority.ts';
import { aBatch } from './test-host.ts';

const ingest = tryIngest();

describe('enrolment', () => {
  function enrol(request: MessageInitShape<typeof agent.EnrolRequestSchema>): Promise<agent.EnrolResponse> {
    const client = new Client(
      `localhost:${ingest.server.ports.enrol}`,
      credentials.createSsl(Buffer.from(ingest.secrets.authorityCertPem)),
    );
    const { path, requestSerialize, responseDeserialize } = enrolmentServiceDefinition.enrol;
    const machine = { hostname: 'web-1', machineId: 'm'.repeat(32) };
    const message = create(agent.EnrolRequestSchema, Object.assign(machine, request));
    return new Promise<agent.EnrolResponse>((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, (error, response) => {
        client.close();
        if (error !== null) reject(error);
        else if (response !== undefined) resolve(response);
      });
    });
  }

  it('turns a join token into a certificate that connects', async () => {
    ingest.registry.joinTokens.set('token', 'default');
    const { keyPem, requestPem } = await makeRequest();
    const enrolled = await enrol({ joinToken: 'token', certificateRequest: requestPem });
    expect(enrolled.tenantId).toBe('default');
    const host = ingest.connect({ keyPem, certificatePem: enrolled.certificate });
    await host.untilAcked(host.sendBatch(aBatch()));
    expect(ingest.producer.of('raw')[0]?.key).toBe(`default:${enrolled.hostId}`);
  });

  it('shows its authority, so that a new host can compare it before it trusts', async () => {
    const shown = await new Promise<string | undefined>((resolve, reject) => {
      const to = { host: '127.0.0.1', port: ingest.server.ports.enrol, servername: 'localhost', ALPNProtocols: ['h2'] };
      const socket = connectTls({ ...to, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerX509Certificate()?.issuerCertificate?.toString());
        socket.destroy();
      });
      socket.once('error', reject);
    });
    expect(shown?.replace(/\s/g, '')).toBe(ingest.secrets.authorityCertPem.replace(/\s/g, ''));
  });

  it('takes a join token once', async () => {
    ingest.registry.joinTokens.set('token', 'default');
    const { requestPem } = await makeRequest();
    await enrol({ joinToken: 'token', certificateRequest: requestPem });
    await expect(enrol({ joinToken: 'token', certificateRequest: requestPem })).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringMatching(/^join_token_invalid/),
    });
  });

  /** What a host shows of the certificate it has; `keyPem`: the key that it proves to have. */
  async function proofOf({ certificatePem, keyPem }: HostIdentity) {
    const { keyPem: newKeyPem, requestPem } = await makeRequest();
    const previousProof = sign('sha256', Buffer.from(requestPem), keyPem);
    return {
      newKeyPem,
      request: { certificateRequest: requestPem, previousCertificate: certificatePem, previousProof },
    };
  }

  describe('of who is a host already', () => {
    const longAgo = (days: number): Date => new Date(Date.now() - days * 24 * 3_600_000);

    it('needs no token and keeps the host, weeks after its certificate has expired', async () => {
      const identity = await ingest.known({ now: longAgo(100) });
      const { newKeyPem, request } = await proofOf(identity);
      const enrolled = await enrol(request);
      expect([enrolled.tenantId, enrolled.hostId]).toEqual(['default', identity.hostId]);
      const host = ingest.connect({ keyPem: newKeyPem, certificatePem: enrolled.certificate });
      await host.untilAcked(host.sendBatch(aBatch()));
      expect(ingest.producer.of('raw')[0]?.key).toBe(`default:${identity.hostId}`);
    });

    it('leaves a token that it was given unused', async () => {
      const identity = await ingest.known();
      ingest.registry.joinTokens.set('token', 'default');
      const { request } = await proofOf(identity);
      expect((await enrol({ ...request, joinToken: 'token' })).hostId).toBe(identity.hostId);
      expect(ingest.registry.joinTokens.has('token')).toBe(true);
    });

    it.each([
      [
        'its certificate without its key',
        'certificate_foreign',
        async () => {
          const { certificatePem } = await issueIdentity(ingest.secrets);
          return proofOf({ certificatePem, keyPem: (await makeRequest()).keyPem });
        },
      ],
      [
        'a certificate of another authority',
        'certificate_foreign',
        async () => proofOf(await issueIdentity(await makeSecrets())),
      ],
      [
        'the certificate of ingest',
        'certificate_foreign',
        () => proofOf({ certificatePem: ingest.secrets.serverCertPem, keyPem: ingest.secrets.serverKeyPem }),
      ],
      [
        'what is no certificate',
        'certificate_foreign',
        async () => proofOf({ certificatePem: 'nonsense', keyPem: (await makeRequest()).keyPem }),
      ],
      [
        'one that expired more than a year ago',
        'certificate_expired',
        async () => proofOf(await issueIdentity(ingest.secrets, { now: longAgo(400) })),
      ],
      ['one of a host that was removed', 'host_unknown', async () => proofOf(await issueIdentity(ingest.secrets))],
      [
        'one that was revoked',
        'certificate_revoked',
        async () => {
          const identity = await issueIdentity(ingest.secrets);
          ingest.registry.hosts.set(`default:${identity.hostId}`, { isRevoked: true, inside: false });
          return proofOf(identity);
        },
      ],
    ] as const)('is not for %s; with a token it is another host', async (_, code, make) => {
      const { request } = await make();
      const known = [...ingest.registry.hosts.keys()];
      await expect(enrol(request)).rejects.toMatchObject({ details: expect.stringMatching(`^${code}`) });
      ingest.registry.joinTokens.set('token', 'default');
      const { hostId } = await enrol({ ...request, joinToken: 'token' });
      expect(known).not.toContain(`default:${hostId}`);
    });

    it('is proven anew for each request', async () => {
      const identity = await ingest.known();
      const { request } = await proofOf(identity);
      const { requestPem } = await makeRequest();
      await expect(enrol({ ...request, certificateRequest: requestPem })).rejects.toMatchObject({
        details: expect.stringMatching(/^certificate_foreign/),
      });
    });
  });

  it('is not for a machine that calls itself by the id of a host', async () => {
    const { hostId } = await ingest.known();
    ingest.registry.joinTokens.set('token', 'default');
    const { requestPem: certificateRequest } = await makeRequest();
    const request = { joinToken: 'token', certificateRequest, hostname: hostId, machineId: 'm' };
    await expect(enrol(request)).rejects.toMatchObject({
      details: expect.stringMatching(/^enrolment_invalid: hostname/),
    });
    expect(ingest.registry.joinTokens.has('token')).toBe(true);
  });

  it('makes two hosts of a machine that enrols twice by tokens: what names a machine proves nothing', async () => {
    ingest.registry.joinTokens.set('first', 'default').set('second', 'default');
    const { requestPem } = await makeRequest();
    const first = await enrol({ joinToken: 'first', certificateRequest: requestPem });
    const second = await enrol({ joinToken: 'second', certificateRequest: requestPem });
    expect(second.hostId).not.toBe(first.hostId);
  });

  it('does not use a token up for a request whose signature is not its own', async () => {
    ingest.registry.joinTokens.set('token', 'default');
    const { requestPem } = await makeRequest();
    const der = Buffer.from(requestPem.replace(/-----.*-----|\s/g, ''), 'base64');
    der[der.length - 1] = (der[der.length - 1] ?? 0) ^ 1;
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    await expect(enrol({ joinToken: 'token', certificateRequest: forged })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
    expect(ingest.registry.joinTokens.has('token')).toBe(true);
  });
});
