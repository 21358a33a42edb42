// A host's first certificate, by join token, and the next ones, by the key of the one it has.
import { create } from '@bufbuild/protobuf';
import type { ServiceError } from '@grpc/grpc-js';
import { NornError, messageOf } from '@norn/base';
import { agent, agentServiceDefinition, enrolmentServiceDefinition } from '@norn/contracts';
import { sign } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { openClient } from '../uplink/grpc-client.ts';
import type { Target } from '../uplink/ingest-peers.ts';
import { requestCertificate } from './certificate-request.ts';
import type { Identity } from './identity-file.ts';

export interface EnrolOptions {
  readonly enrolAddress: string;
  /** Whose certificate it has to show; empty: the address' own name. */
  readonly ingestName: string;
  /** PEM file of the installation's authority: whom to give the join token to. Who was a host goes by whom it trusted last. */
  readonly authorityFile: string;
  readonly joinTokenFile: string;
  /** /etc/machine-id, or what stands for it. */
  readonly machineId: string;
  readonly hostName: string;
  /** It is the agent of one container. */
  readonly agentInside: boolean;
  /** Who this host was, though its certificate may have expired: with its key it is that host still, without a token. */
  readonly previous?: Identity | undefined;
}

const timeoutMs = 15_000;

export async function enrol(options: EnrolOptions): Promise<Identity> {
  const authorityPem = options.previous?.authorityPem ?? readSetting('NORN_AUTHORITY_FILE', options.authorityFile);
  const joinToken = readJoinToken(options);
  const { keyPem, requestPem } = requestCertificate(options.hostName);
  const { enrolAddress: address, ingestName } = options;
  const client = openClient(ingestName === '' ? { address } : { address, name: ingestName }, { authorityPem });
  const { path, requestSerialize, responseDeserialize } = enrolmentServiceDefinition.enrol;
  const request = create(agent.EnrolRequestSchema, {
    joinToken,
    certificateRequest: requestPem,
    hostname: options.hostName,
    machineId: options.machineId,
    inside: options.agentInside,
    ...proofOf(options.previous, requestPem),
  });
  try {
    const response = await new Promise<agent.EnrolResponse>((resolve, reject) => {
      const deadline = Date.now() + timeoutMs;
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        { deadline },
        settle(resolve, reject),
      );
    });
    const { tenantId, hostId, certificate, authority, commandKey, expiresAtUs } = response;
    const { number, keys } = response.commandKeys ?? { number: 0n, keys: [commandKey] };
    const commandKeys = { number: Number(number), keys };
    const life = { issuedAtMs: Date.now(), expiresAtMs: Number(expiresAtUs / 1000n) };
    const names = { tenantId, hostId, keyPem, certificatePem: certificate };
    return { ...names, ...life, authorityPem: authority, commandKeyPem: commandKey, commandKeys };
  } catch (error) {
    throw new NornError('enrolment_failed', `Enrolment at ${address}: ${detailsOf(error)}`, {
      cause: error,
    });
  } finally {
    client.close();
  }
}

/** The same host with a new key and certificate. Of command keys it learns nothing: they are signed by the one before. */
export async function renew(ingest: Target, identity: Identity): Promise<Identity> {
  const { keyPem, requestPem } = requestCertificate(identity.hostId);
  const client = openClient(ingest, identity);
  const { path, requestSerialize, responseDeserialize } = agentServiceDefinition.renew;
  const request = create(agent.RenewRequestSchema, { certificateRequest: requestPem });
  try {
    const response = await new Promise<agent.RenewResponse>((resolve, reject) => {
      const deadline = Date.now() + timeoutMs;
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        { deadline },
        settle(resolve, reject),
      );
    });
    const life = { issuedAtMs: Date.now(), expiresAtMs: Number(response.expiresAtUs / 1000n) };
    return { ...identity, ...life, keyPem, certificatePem: response.certificate };
  } catch (error) {
    throw new NornError('renewal_failed', `Renewal at ${ingest.address}: ${detailsOf(error)}`, { cause: error });
  } finally {
    client.close();
  }
}

function proofOf(previous: Identity | undefined, requestPem: string) {
  if (previous === undefined) return {};
  const previousProof = sign('sha256', Buffer.from(requestPem), previous.keyPem);
  return { previousCertificate: previous.certificatePem, previousProof };
}

/** A host that has been one needs none, and takes one to become another when it is refused. */
function readJoinToken({ previous, joinTokenFile }: EnrolOptions): string {
  if (previous !== undefined && !existsSync(joinTokenFile)) return '';
  return readSetting('NORN_JOIN_TOKEN_FILE', joinTokenFile).trim();
}

function settle<T>(resolve: (value: T) => void, reject: (error: Error) => void) {
  return (error: ServiceError | null, response?: T): void => {
    if (error !== null) reject(error);
    else if (response === undefined) reject(new Error('The installation answered nothing'));
    else resolve(response);
  };
}

function readSetting(name: string, path: string): string {
  if (path === '')
    throw new NornError('enrolment_unset', `This host is not enrolled and ${name} is not set: set it to a file`);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new NornError('enrolment_unset', `${name}: ${messageOf(error)}`, { cause: error });
  }
}

function detailsOf(error: unknown): string {
  return error instanceof Error && 'details' in error ? String(error.details) : messageOf(error);
}
