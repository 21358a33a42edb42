// The two gRPC servers: agents over mTLS, enrolment over TLS. What a call means is decided elsewhere.
import { isIPv6 } from 'node:net';
import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { NornError, messageOf } from '@norn/base';
import { type agent, agentServiceDefinition, enrolmentServiceDefinition } from '@norn/contracts';
import { limits } from '../limits.ts';
import type { ConnectCall } from '../stream/host-stream.ts';
import { type Peer, peerOf } from '../stream/peer.ts';
import type { IngestSecrets } from './secrets.ts';

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly secrets: IngestSecrets;
}

export interface AgentHandlers {
  readonly batchBytesMax: number;
  readonly connect: (peer: Peer, call: ConnectCall) => void;
  readonly renew: (peer: Peer, request: agent.RenewRequest) => Promise<agent.RenewResponse>;
}

export interface ListeningServer {
  readonly port: number;
  /** Open calls end with UNAVAILABLE. */
  close(): void;
}

const noPeer = {
  code: status.UNAUTHENTICATED,
  details: 'certificate_foreign: the client certificate names no tenant (O) and host (CN) of Norn; enrol the host',
};

export async function serveAgents(options: ListenOptions, handlers: AgentHandlers): Promise<ListeningServer> {
  const server = new Server({
    'grpc.max_receive_message_length': handlers.batchBytesMax + limits.messageSlackBytes,
    'grpc.max_concurrent_streams': 8,
    // A host that vanished without a word is noticed within half a minute.
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
  });
  const implementation: UntypedServiceImplementation = {
    connect: (call: ConnectCall) => {
      const peer = peerOf(call.getAuthContext());
      if (peer === undefined) call.emit('error', noPeer);
      else handlers.connect(peer, call);
    },
    renew: unary((call: ServerUnaryCall<agent.RenewRequest, agent.RenewResponse>) => {
      const peer = peerOf(call.getAuthContext());
      if (peer === undefined) throw new NornError('certificate_foreign', noPeer.details);
      return handlers.renew(peer, call.request);
    }),
  };
  server.addService(agentServiceDefinition, implementation);
  return listen(server, options, true);
}

export async function serveEnrolment(
  options: ListenOptions,
  enrol: (request: agent.EnrolRequest) => Promise<agent.EnrolResponse>,
): Promise<ListeningServer> {
  const server = new Server({
    'grpc.max_receive_message_length': limits.enrolMessageBytesMax,
    'grpc.max_concurrent_streams': 1,
  });
  server.addService(enrolmentServiceDefinition, {
    enrol: unary((call: ServerUnaryCall<agent.EnrolRequest, agent.EnrolResponse>) => enrol(call.request)),
  });
  return listen(server, options, false);
}

function listen(server: Server, { host, port, secrets }: ListenOptions, mutual: boolean): Promise<ListeningServer> {
  // With the authority, whose fingerprint a new host compares with its invitation's.
  const chain = `${secrets.serverCertPem.trimEnd()}\n${secrets.authorityCertPem}`;
  const pair = { private_key: Buffer.from(secrets.serverKeyPem), cert_chain: Buffer.from(chain) };
  const authority = mutual ? Buffer.from(secrets.authorityCertPem) : null;
  const credentials = ServerCredentials.createSsl(authority, [pair], mutual);
  return new Promise((resolve, reject) => {
    server.bindAsync(isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`, credentials, (error, boundPort) => {
      if (error === null) {
        resolve({
          port: boundPort,
          close: () => {
            server.forceShutdown();
          },
        });
        return;
      }
      const cure = 'stop what listens there or move the ports with NORN_PORT_BASE';
      reject(new NornError('port_taken', `${host}:${port} can not be listened on (${error.message}): ${cure}`));
    });
  });
}

const statusOfCode: Readonly<Record<string, status>> = {
  join_token_invalid: status.UNAUTHENTICATED,
  certificate_foreign: status.UNAUTHENTICATED,
  host_unknown: status.PERMISSION_DENIED,
  certificate_revoked: status.PERMISSION_DENIED,
  certificate_expired: status.PERMISSION_DENIED,
  enrolment_invalid: status.INVALID_ARGUMENT,
  certificate_request_invalid: status.INVALID_ARGUMENT,
  enrolment_busy: status.RESOURCE_EXHAUSTED,
};

/** What is not a NornError is ours: the caller learns that it failed, the log why. */
function unary<Request, Response>(handle: (call: ServerUnaryCall<Request, Response>) => Promise<Response>) {
  return (call: ServerUnaryCall<Request, Response>, done: sendUnaryData<Response>): void => {
    const answer = async (): Promise<void> => {
      try {
        done(null, await handle(call));
      } catch (error) {
        const known = error instanceof NornError;
        const code = known ? (statusOfCode[error.code] ?? status.INTERNAL) : status.UNAVAILABLE;
        done({ code, details: known ? `${error.code}: ${messageOf(error)}` : 'unavailable: try again' });
      }
    };
    void answer();
  };
}
