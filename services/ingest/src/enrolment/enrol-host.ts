// A machine with a join token becomes a host of the token's tenant; a host with the key of its last certificate is that host again.
import { create } from '@bufbuild/protobuf';
import { NornError } from '@norn/base';
import { agent, hostIdShape } from '@norn/contracts';
import type { EnrolledHost, HostRegistry } from '../ports/host-registry.ts';
import type { Allowance } from '../stream/allowance.ts';
import { type Peer, keyOf } from '../stream/peer.ts';
import type { KeysNow } from '../ports/ingest-keys.ts';
import { firstCommandKeys } from './told-keys.ts';

export interface EnrolmentOptions {
  /** Certificates, by host. */
  readonly allowance: Allowance;
  readonly registry: HostRegistry;
  readonly keys: () => KeysNow;
}

const nameBytesMax = 253;
const tokenBytesMax = 512;

type Issue = (host: EnrolledHost) => Promise<agent.EnrolResponse>;

/** Throws `enrolment_invalid`, `certificate_request_invalid`, `join_token_invalid`, `certificates_exhausted`, and without a token why the last certificate is none any more. */
export function createEnrolHost({ registry, keys, allowance }: EnrolmentOptions) {
  return async function enrolHost(request: agent.EnrolRequest): Promise<agent.EnrolResponse> {
    const { joinToken, machineId, hostname, inside } = request;
    const hasPrevious = request.previousCertificate !== '';
    checkText('machine_id', machineId, nameBytesMax);
    checkText('hostname', hostname, nameBytesMax);
    if (hostIdShape.test(hostname))
      throw new NornError(
        'enrolment_invalid',
        `hostname ${hostname} has the form of a host's id: give the machine a name`,
      );
    if (!hasPrevious || joinToken !== '') checkText('join_token', joinToken, tokenBytesMax);
    const now = keys();
    const { secrets, authority } = now;
    // Before the token is used up: a bad request must not cost one.
    const checked = await authority.check(request.certificateRequest);
    const issue: Issue = async (host) => {
      const { certificatePem, expiresAt } = await authority.issue(checked, host);
      return create(agent.EnrolResponseSchema, {
        ...host,
        certificate: certificatePem,
        authority: authority.trusted.join(''),
        commandKey: secrets.commandPublicKeyPem,
        commandKeys: firstCommandKeys(now),
        expiresAtUs: unixUs(expiresAt),
      });
    };
    const again = hasPrevious ? await enrolAgain(request, issue) : undefined;
    if (again !== undefined) return again;
    const response = await registry.enrol({ joinToken, machineId, hostname, inside }, issue);
    if (response !== undefined) return response;
    const cure = 'make another in the console (Hosts, Add a host) or with ./norn hosts invite';
    throw new NornError('join_token_invalid', `The join token is unknown, used or expired: ${cure}`);
  };

  /** Undefined: it is that host no more, and has a token to become another one. */
  async function enrolAgain(request: agent.EnrolRequest, issue: Issue): Promise<agent.EnrolResponse | undefined> {
    const { previousCertificate, previousProof, certificateRequest, hostname } = request;
    const proof = { certificatePem: previousCertificate, signature: previousProof, requestPem: certificateRequest };
    try {
      const { tenantId, hostId, issuedAt } = keys().authority.checkPrevious(proof);
      checkAllowance(allowance, { tenantId, hostId });
      const details = { hostname, issuedAt: issuedAt.toISOString() };
      return await registry.certifyAgain({ tenantId, hostId, hostname, action: 'host.enrolled_again', details }, issue);
    } catch (error) {
      if (error instanceof NornError && request.joinToken !== '') return undefined;
      throw error;
    }
  }
}

/** Throws `certificate_request_invalid`, `certificates_exhausted`, `host_unknown`, `certificate_revoked`. */
export function createRenewCertificate({ registry, keys, allowance }: EnrolmentOptions) {
  return async function renewCertificate(peer: Peer, request: agent.RenewRequest): Promise<agent.RenewResponse> {
    checkAllowance(allowance, peer);
    const { secrets, authority } = keys();
    const checked = await authority.check(request.certificateRequest);
    const { tenantId, hostId, serial } = peer;
    const proven = { tenantId, hostId, action: 'certificate.renewed', details: { replaces: serial } };
    const { certificatePem, expiresAt } = await registry.certifyAgain(proven, (host) => authority.issue(checked, host));
    return create(agent.RenewResponseSchema, {
      certificate: certificatePem,
      expiresAtUs: unixUs(expiresAt),
      commandKey: secrets.commandPublicKeyPem,
    });
  };
}

function checkAllowance(allowance: Allowance, host: EnrolledHost): void {
  if (allowance.take(keyOf(host))) return;
  throw new NornError('certificates_exhausted', `${host.hostId} was given too many certificates: ask again in an hour`);
}

function checkText(name: string, value: string, bytesMax: number): void {
  const bytes = Buffer.byteLength(value);
  if (bytes > 0 && bytes <= bytesMax && !/[\x00-\x1f\x7f]/.test(value)) return;
  throw new NornError(
    'enrolment_invalid',
    `${name} has ${bytes} bytes or control characters; give 1 to ${bytesMax} plain bytes`,
  );
}

function unixUs(date: Date): bigint {
  return BigInt(date.getTime()) * 1000n;
}
