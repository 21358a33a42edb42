// gRPC service definitions of norn.agent.v1 for @grpc/grpc-js, on protobuf-es. Types only are taken from grpc-js: who opens no connection loads none of it.
import { fromBinary, toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import type { MethodDefinition } from '@grpc/grpc-js';
import * as agent from '../gen/norn/agent/v1/agent_pb.ts';

interface Shape {
  readonly path: string;
  readonly stream: boolean;
}

function method<Request extends DescMessage, Response extends DescMessage>(
  { path, stream }: Shape,
  request: Request,
  response: Response,
): MethodDefinition<MessageShape<Request>, MessageShape<Response>> {
  return {
    path,
    requestStream: stream,
    responseStream: stream,
    requestSerialize: (message) => asBuffer(toBinary(request, message)),
    requestDeserialize: (bytes) => fromBinary(request, bytes),
    responseSerialize: (message) => asBuffer(toBinary(response, message)),
    responseDeserialize: (bytes) => fromBinary(response, bytes),
  };
}

/** The same memory, as the class that grpc-js writes. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Served over mTLS only. */
export const agentServiceDefinition = {
  connect: method(
    { path: '/norn.agent.v1.AgentService/Connect', stream: true },
    agent.ConnectRequestSchema,
    agent.ConnectResponseSchema,
  ),
  renew: method(
    { path: '/norn.agent.v1.AgentService/Renew', stream: false },
    agent.RenewRequestSchema,
    agent.RenewResponseSchema,
  ),
} as const;

/** Served without a client certificate, on a port of its own. */
export const enrolmentServiceDefinition = {
  enrol: method(
    { path: '/norn.agent.v1.EnrolmentService/Enrol', stream: false },
    agent.EnrolRequestSchema,
    agent.EnrolResponseSchema,
  ),
} as const;
