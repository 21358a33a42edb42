// The two gRPC servers: agents over mTLS, enrolment over TLS. What a call means is decided elsewhere.
import type { TLSSocket } from 'node:tls';
import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { AuthContext } from '@grpc/grpc-js/build/src/auth-context.js';
import { NornError, messageOf } from '@norn/base';
import { type agent, agentServiceDefinition, enrolmentServiceDefinition } from '@norn/contracts';
import type { ShownCertificate } from '../enrolment/server-certificate.ts';
import { limits } from '../limits.ts';
import type { ConnectCall } from '../stream/host-stream.ts';
import { type Peer, peerOf } from '../stream/peer.ts';
import { Seats } from './seats.ts';
import { TlsDoor } from './tls-door.ts';

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly shown: ShownCertificate;
}

export interface AgentHandlers {
  readonly batchBytesMax: number;
  /** Whether a certificate (DER) is of an authority that counts still. */
  readonly letsIn: (der: Uint8Array) => boolean;
  readonly connect: (peer: Peer, call: ConnectCall) => void;
  readonly renew: (peer: Peer, request: agent.RenewRequest) => Promise<agent.RenewResponse>;
}

export interface ListeningServer {
  readonly port: number;
  /** Another certificate, from the next connection on; open calls go on. */
  show(shown: ShownCertificate): void;
  /** Open calls end with UNAVAILABLE. */
  close(): void;
}

const noPeer = {
  code: status.UNAUTHENTICATED,
  details: 'certificate_foreign: the client certificate names no tenant (O) and host (CN) of Norn; enrol the host',
};

const retiredReason = 'its authority lets nobody in any more; enrol again by the key of this certificate';
/** The agent takes it for what it is to do. */
const retired = { code: status.UNAUTHENTICATED, details: `certificate_foreign: ${retiredReason}` };

export async function serveAgents(options: ListenOptions, handlers: AgentHandlers): Promise<ListeningServer> {
  const server = new Server({
    'grpc.max_receive_message_length': handlers.batchBytesMax + limits.messageSlackBytes,
    'grpc.max_concurrent_streams': 8,
    // A host that vanished without a word is noticed within this, and missed soon after (detection's `limits.watch`).
    'grpc.keepalive_time_ms': 6_000,
    'grpc.keepalive_timeout_ms': 5_000,
  });
  const isLetIn = (call: { getAuthContext(): AuthContext }): boolean => {
    const raw = call.getAuthContext().sslPeerCertificate?.raw;
    return raw !== undefined && handlers.letsIn(raw);
  };
  const implementation: UntypedServiceImplementation = {
    connect: (call: ConnectCall) => {
      const peer = peerOf(call.getAuthContext());
      if (peer === undefined) call.emit('error', noPeer);
      else if (!isLetIn(call)) call.emit('error', retired);
      else handlers.connect(peer, call);
    },
    renew: unary((call: ServerUnaryCall<agent.RenewRequest, agent.RenewResponse>) => {
      const peer = peerOf(call.getAuthContext());
      if (peer === undefined) throw new NornError('certificate_foreign', noPeer.details);
      if (!isLetIn(call)) throw new NornError('certificate_foreign', retiredReason);
      return handlers.renew(peer, call.request);
    }),
  };
  server.addService(agentServiceDefinition, implementation);
  const seats = new Seats();
  return listen(server, options, (socket) => seats.take(socket));
}

export async function serveEnrolment(
  options: ListenOptions,
  enrol: (request: agent.EnrolRequest) => Promise<agent.EnrolResponse>,
): Promise<ListeningServer> {
  const server = new Server({
    'grpc.max_receive_message_length': limits.enrolMessageBytesMax,
    'grpc.max_concurrent_streams': 1,
    // Anybody may connect here, nobody stays.
    'grpc.max_connection_age_ms': limits.enrolConnectionMs,
    'grpc.max_connection_age_grace_ms': limits.handshakeMs,
  });
  server.addService(enrolmentServiceDefinition, {
    enrol: unary((call: ServerUnaryCall<agent.EnrolRequest, agent.EnrolResponse>) => enrol(call.request)),
  });
  return listen(server, options);
}

async function listen(
  server: Server,
  { host, port, shown }: ListenOptions,
  enter?: (socket: TLSSocket) => boolean,
): Promise<ListeningServer> {
  // TLS is done when a connection comes here, with the certificate in its socket.
  const calls = server.createConnectionInjector(ServerCredentials.createInsecure());
  const door = new TlsDoor({ host, port, shown, isMutual: enter !== undefined }, (socket) => {
    if (enter?.(socket) === false) socket.destroy();
    else calls.injectConnection(socket);
  });
  await door.open();
  return {
    port: door.port,
    show: (other) => {
      door.show(other);
    },
    close: () => {
      server.forceShutdown();
      door.close();
    },
  };
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
  certificates_exhausted: status.RESOURCE_EXHAUSTED,
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
