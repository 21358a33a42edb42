// A machine with a join token becomes a host of the token's tenant; a host renews its certificate.
import { create } from '@bufbuild/protobuf';
import { NornError } from '@norn/base';
import { agent } from '@norn/contracts';
import type { HostRegistry } from '../ports/host-registry.ts';
import type { Peer } from '../stream/peer.ts';
import type { Authority } from './authority.ts';

export interface EnrolmentOptions {
  readonly registry: HostRegistry;
  readonly authority: Authority;
  readonly commandPublicKeyPem: string;
}

const nameBytesMax = 253;
const tokenBytesMax = 512;

/** Throws `enrolment_invalid`, `certificate_request_invalid`, `join_token_invalid`. */
export function createEnrolHost({ registry, authority, commandPublicKeyPem }: EnrolmentOptions) {
  return async function enrolHost(request: agent.EnrolRequest): Promise<agent.EnrolResponse> {
    const { joinToken, machineId, hostname } = request;
    checkText('machine_id', machineId, nameBytesMax);
    checkText('hostname', hostname, nameBytesMax);
    checkText('join_token', joinToken, tokenBytesMax);
    // Before the token is used up: a bad request must not cost one.
    const checked = await authority.check(request.certificateRequest);
    const response = await registry.enrol({ joinToken, machineId, hostname }, async (host) => {
      const { certificatePem, expiresAt } = await authority.issue(checked, host);
      return create(agent.EnrolResponseSchema, {
        ...host,
        certificate: certificatePem,
        authority: authority.certificatePem,
        commandKey: commandPublicKeyPem,
        expiresAtUs: unixUs(expiresAt),
      });
    });
    if (response !== undefined) return response;
    const cure = 'make another in the console (Hosts, Add a host) or with ./norn hosts invite';
    throw new NornError('join_token_invalid', `The join token is unknown, used or expired: ${cure}`);
  };
}

export function createRenewCertificate({ registry, authority, commandPublicKeyPem }: EnrolmentOptions) {
  return async function renewCertificate(peer: Peer, request: agent.RenewRequest): Promise<agent.RenewResponse> {
    const checked = await authority.check(request.certificateRequest);
    const { certificatePem, expiresAt } = await authority.issue(checked, peer);
    const { tenantId, hostId: subject } = peer;
    const details = { replaces: peer.serial, expiresAt: expiresAt.toISOString() };
    await registry.audit({ tenantId, action: 'certificate.renewed', subject, details });
    return create(agent.RenewResponseSchema, {
      certificate: certificatePem,
      expiresAtUs: unixUs(expiresAt),
      commandKey: commandPublicKeyPem,
    });
  };
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
