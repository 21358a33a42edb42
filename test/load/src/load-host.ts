// A host under load: a real gRPC client over mTLS that keeps a bounded number of batches unacked, as tyr does.
import { create } from '@bufbuild/protobuf';
import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { NornError } from '@norn/base';
import { agent, agentServiceDefinition } from '@norn/contracts';

export interface LoadHostOptions {
  readonly port: number;
  readonly authorityPem: string;
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** Batches on their way at most. */
const unackedMax = 32;

export class LoadHost {
  private readonly client: Client;
  private readonly call: ClientDuplexStream<agent.ConnectRequest, agent.ConnectResponse>;
  private sent = 0;
  private acked = 0;
  private failure: Error | undefined;
  private wake: () => void = () => undefined;

  constructor({ port, authorityPem, keyPem, certificatePem }: LoadHostOptions) {
    const secure = credentials.createSsl(Buffer.from(authorityPem), Buffer.from(keyPem), Buffer.from(certificatePem));
    this.client = new Client(`localhost:${port}`, secure);
    const { path, requestSerialize, responseDeserialize } = agentServiceDefinition.connect;
    this.call = this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.call.on('data', (response: agent.ConnectResponse) => {
      this.hear(response.message);
    });
    this.call.on('error', (error) => {
      this.fail(error);
    });
  }

  /** Resolves when all batches are acked, which is when Kafka has them. */
  async send(batches: readonly Uint8Array[]): Promise<void> {
    for (const value of batches) {
      await this.until(() => this.sent - this.acked < unackedMax);
      this.sent += 1;
      const message = create(agent.ConnectRequestSchema, { message: { case: 'batch', value }, seq: BigInt(this.sent) });
      this.call.write(message);
    }
    await this.until(() => this.acked === this.sent);
  }

  close(): void {
    this.call.end();
    this.client.close();
  }

  private hear(message: agent.ConnectResponse['message']): void {
    if (message.case === 'ack') this.acked = Math.max(this.acked, Number(message.value.seq));
    else if (message.case === 'refusal') this.fail(new NornError(message.value.code, message.value.message));
    this.wake();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.wake();
  }

  private async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) {
      if (this.failure !== undefined) throw this.failure;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}
