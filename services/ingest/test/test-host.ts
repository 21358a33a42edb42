// A host for tests: a real gRPC client over mTLS that says what it is told to and keeps what it hears.
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { Client, type ClientDuplexStream, credentials, type ServiceError } from '@grpc/grpc-js';
import { agent, agentServiceDefinition, event } from '@norn/contracts';
import { type HostIdentity, makeRequest } from './test-authority.ts';

export interface TestHostOptions {
  readonly port: number;
  readonly authorityPem: string;
  /** Undefined: it has no client certificate. */
  readonly identity: HostIdentity | undefined;
}

type Heard = agent.ConnectResponse['message'];

export class TestHost {
  readonly heard: Heard[] = [];
  readonly ended: Promise<ServiceError | undefined>;
  private readonly client: Client;
  private readonly call: ClientDuplexStream<agent.ConnectRequest, agent.ConnectResponse>;
  private seq = 0n;
  private readonly waiters = new Set<() => void>();

  constructor({ port, authorityPem, identity }: TestHostOptions) {
    const secure = credentials.createSsl(
      Buffer.from(authorityPem),
      identity === undefined ? null : Buffer.from(identity.keyPem),
      identity === undefined ? null : Buffer.from(identity.certificatePem),
    );
    this.client = new Client(`localhost:${port}`, secure);
    const { path, requestSerialize, responseDeserialize } = agentServiceDefinition.connect;
    this.call = this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.ended = new Promise((resolve) => {
      this.call.on('error', (error) => {
        resolve(error as ServiceError);
      });
      this.call.on('end', () => {
        resolve(undefined);
      });
    });
    this.call.on('data', (response: agent.ConnectResponse) => {
      this.heard.push(response.message);
      for (const wake of this.waiters) wake();
    });
  }

  /** Returns the message's seq. */
  send(message: agent.ConnectRequest['message'], seq = this.seq + 1n): bigint {
    this.seq = seq;
    this.call.write(create(agent.ConnectRequestSchema, { message, seq }));
    return seq;
  }

  sendBatch(batch: Uint8Array, seq?: bigint): bigint {
    return this.send({ case: 'batch', value: batch }, seq);
  }

  acked(): bigint {
    const acks = this.heard.flatMap((message) => (message.case === 'ack' ? [message.value.seq] : []));
    return acks.at(-1) ?? 0n;
  }

  refusals(): string[] {
    return this.heard.flatMap((message) => (message.case === 'refusal' ? [message.value.code] : []));
  }

  /** Resolves when what was heard makes it true. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.waiters.delete(wake);
          resolve();
        };
        this.waiters.add(wake);
      });
    }
  }

  async untilAcked(seq: bigint): Promise<void> {
    await this.until(() => this.acked() >= seq);
  }

  /** With another key. */
  async renew(): Promise<agent.RenewResponse> {
    const { requestPem } = await makeRequest();
    const request = create(agent.RenewRequestSchema, { certificateRequest: requestPem });
    const { path, requestSerialize, responseDeserialize } = agentServiceDefinition.renew;
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, response) => {
        if (response === undefined) reject(error ?? new Error('There was no answer'));
        else resolve(response);
      });
    });
  }

  async finish(): Promise<ServiceError | undefined> {
    this.call.end();
    const error = await this.ended;
    this.client.close();
    return error;
  }

  close(): void {
    this.call.cancel();
    this.client.close();
  }
}

/** A batch that ingest takes, with what differs. */
export function aBatch(change: MessageInitShape<typeof event.EventBatchSchema> = {}): Uint8Array {
  return toBinary(
    event.EventBatchSchema,
    create(event.EventBatchSchema, {
      schemaVersion: 1,
      streamId: new Uint8Array(16).fill(7),
      batchSeq: 1n,
      baseTimeUs: 1_760_000_000_000_000n,
      eventCount: 100,
      columnsSize: 7000,
      columns: new Uint8Array(3000).fill(1),
      ...change,
    }),
  );
}
