// A fake baldur: speaks the agent's local protocol as local.proto says, keeps what tyr has not acked, sends it again after a reconnection.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type action, event, local, type policy } from '@norn/contracts';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { type Socket, createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { zstdCompressSync } from 'node:zlib';

const columns = toBinary(event.EventColumnsSchema, create(event.EventColumnsSchema, { strings: new Uint8Array(1) }));
const compressed = new Uint8Array(zstdCompressSync(columns));

export class FakeBaldur {
  readonly streamId = new Uint8Array(randomBytes(16));
  readonly heard: local.TyrMessage['message'][] = [];
  acked = 0n;
  private sent = 0n;
  private readonly unacked = new Map<bigint, Uint8Array>();
  private socket: Socket | undefined;
  private heartbeat: NodeJS.Timeout | undefined;
  private closed = false;
  private pending = Buffer.alloc(0);
  /** What tyr may cap and end in its stead. */
  private body: ChildProcess | undefined;

  constructor(private readonly path: string) {}

  start(): void {
    this.connect();
    this.heartbeat = setInterval(() => {
      const value = create(local.BaldurHeartbeatSchema, { lastBatchSeq: this.sent });
      this.send({ case: 'heartbeat', value });
    }, 500);
  }

  close(): void {
    this.closed = true;
    clearInterval(this.heartbeat);
    this.socket?.destroy();
    this.body?.kill('SIGKILL');
  }

  /** One event each; returns the newest batch_seq. */
  sendBatches(count: number, change: Parameters<typeof create<typeof event.EventBatchSchema>>[1] = {}): bigint {
    for (let i = 0; i < count; i++) {
      this.sent++;
      const batch = toBinary(
        event.EventBatchSchema,
        create(event.EventBatchSchema, {
          schemaVersion: 1,
          streamId: this.streamId,
          batchSeq: this.sent,
          eventCount: 1,
          columnsSize: columns.byteLength,
          columns: compressed,
          ...change,
        }),
      );
      this.unacked.set(this.sent, batch);
      this.send({ case: 'batch', value: batch }, this.sent);
    }
    return this.sent;
  }

  sendOutcome(outcome: action.Outcome): void {
    this.send({ case: 'outcome', value: outcome });
  }

  sendPolicyStatus(status: policy.HostPolicyStatus): void {
    this.send({ case: 'policyStatus', value: status });
  }

  async untilAcked(batchSeq: bigint): Promise<void> {
    while (this.acked < batchSeq) await sleep(20);
  }

  commands(): action.Command[] {
    return this.heard.flatMap((message) => (message.case === 'command' ? [message.value] : []));
  }

  async untilHeard(kind: local.TyrMessage['message']['case']): Promise<local.TyrMessage['message']> {
    for (;;) {
      const found = this.heard.find((message) => message.case === kind);
      if (found !== undefined) return found;
      await sleep(20);
    }
  }

  private connect(): void {
    if (this.closed) return;
    const socket = createConnection(this.path);
    this.pending = Buffer.alloc(0);
    socket.on('connect', () => {
      this.socket = socket;
      const hello = { pid: this.bodyPid(), version: 'fake', streamId: this.streamId };
      this.send({ case: 'hello', value: create(local.BaldurHelloSchema, hello) });
      for (const [seq, batch] of this.unacked) this.send({ case: 'batch', value: batch }, seq);
    });
    socket.on('data', (chunk) => {
      this.pending = Buffer.concat([this.pending, chunk]);
      while (this.pending.length >= 4 && this.pending.length >= 4 + this.pending.readUInt32LE(0)) {
        const end = 4 + this.pending.readUInt32LE(0);
        this.hear(fromBinary(local.TyrMessageSchema, this.pending.subarray(4, end)).message);
        this.pending = this.pending.subarray(end);
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.socket = undefined;
      setTimeout(() => {
        this.connect();
      }, 100);
    });
  }

  private bodyPid(): number {
    if (this.body === undefined || this.body.exitCode !== null || this.body.signalCode !== null) {
      this.body = spawn('sleep', ['3600'], { stdio: 'ignore' });
    }
    return this.body.pid ?? 0;
  }

  private hear(message: local.TyrMessage['message']): void {
    this.heard.push(message);
    if (message.case !== 'batchAck') return;
    this.acked = message.value;
    for (const seq of this.unacked.keys()) if (seq <= message.value) this.unacked.delete(seq);
  }

  private send(message: local.BaldurMessage['message'], seq = 0n): void {
    const bytes = toBinary(local.BaldurMessageSchema, create(local.BaldurMessageSchema, { message, seq }));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.byteLength);
    this.socket?.write(Buffer.concat([length, bytes]));
  }
}
