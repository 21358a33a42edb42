// A host that keeps what is not acked and sends it again on its next connection, as tyr does; it knows every batch that was acked.
import { create } from '@bufbuild/protobuf';
import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import { agent, agentServiceDefinition } from '@norn/contracts';
import { setTimeout as sleep } from 'node:timers/promises';

export interface SpoolingHostOptions {
  readonly port: number;
  readonly authorityPem: string;
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** Batches on their way at most. */
const unackedMax = 16;
const reconnectMs = 500;

type Call = ClientDuplexStream<agent.ConnectRequest, agent.ConnectResponse>;

export class SpoolingHost {
  /** In the order of their acks. */
  readonly acked: Uint8Array[] = [];
  private readonly spool: Uint8Array[] = [];
  private readonly client: Client;
  private closed = false;
  private readonly running: Promise<void>;

  constructor({ port, authorityPem, keyPem, certificatePem }: SpoolingHostOptions) {
    const secure = credentials.createSsl(Buffer.from(authorityPem), Buffer.from(keyPem), Buffer.from(certificatePem));
    this.client = new Client(`localhost:${String(port)}`, secure);
    this.running = this.run();
  }

  /** Batches that are not acked. */
  get waiting(): number {
    return this.spool.length;
  }

  add(batch: Uint8Array): void {
    this.spool.push(batch);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.running;
    this.client.close();
  }

  private async run(): Promise<void> {
    while (!this.closed) {
      await this.connect();
      await sleep(reconnectMs);
    }
  }

  /** One connection, from its start to its end: the numbers of its messages begin anew. */
  private async connect(): Promise<void> {
    const { path, requestSerialize, responseDeserialize } = agentServiceDefinition.connect;
    const call: Call = this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const connection = { sent: 0, acked: 0, ended: false };
    call.on('data', ({ message }: agent.ConnectResponse) => {
      if (message.case !== 'ack') return;
      this.acked.push(...this.spool.splice(0, Number(message.value.seq) - connection.acked));
      connection.acked = Number(message.value.seq);
    });
    for (const event of ['error', 'end']) call.on(event, () => (connection.ended = true));
    while (!connection.ended && !this.closed) {
      const onTheirWay = connection.sent - connection.acked;
      const value = onTheirWay < unackedMax ? this.spool[onTheirWay] : undefined;
      if (value === undefined) await sleep(5);
      else {
        connection.sent += 1;
        call.write(
          create(agent.ConnectRequestSchema, { message: { case: 'batch', value }, seq: BigInt(connection.sent) }),
        );
      }
    }
    call.cancel();
  }
}
