// One connected host: takes its messages in order, acks what Kafka has, carries commands down.
import { create, toBinary } from '@bufbuild/protobuf';
import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import { messageOf } from '@norn/base';
import type { TopicName } from '@norn/bus';
import { action, agent, event, type policy } from '@norn/contracts';
import { type Logger, Metric, SpanAttribute, count, isSampled } from '@norn/telemetry';
import type { IngestPipeline } from '../ingest.pipeline.ts';
import { limits } from '../limits.ts';
import type { ProduceRecords } from '../ports/produce-records.ts';
import type { BatchSource, CheckedBatch, HostBatch, ThrottleOrder } from '../steps/envelope-of-host.ts';
import type { Allowance } from './allowance.ts';
import { HostRecords } from './host-records.ts';
import { InFlight } from './in-flight.ts';
import { type Peer, keyOf } from './peer.ts';
import { RecordQueue } from './record-queue.ts';
import type { TenantMeter } from './tenant-meter.ts';
import { commandInTrace, produceInTrace } from './traces.ts';

export type ConnectCall = ServerDuplexStream<agent.ConnectRequest, agent.ConnectResponse>;

export interface HostStreamOptions {
  readonly peer: Peer;
  /** It is the agent of one container. */
  readonly inside: boolean;
  readonly call: ConnectCall;
  readonly pipeline: IngestPipeline;
  /** Of what goes through the pipeline and of what does not. */
  readonly meter: TenantMeter;
  readonly producer: ProduceRecords;
  readonly totalInFlight: InFlight;
  /** Refused messages that are kept, by host. */
  readonly deadLetters: Allowance;
  readonly onFacts: (facts: event.HostFacts) => void;
  readonly onProduceFailed: () => void;
  readonly logger: Logger;
}

const containerIdShape = /^[0-9a-f]{64}$/;

interface Refused {
  readonly code: string;
  readonly reason: string;
}

export class HostStream implements BatchSource {
  readonly peer: Peer;
  private readonly records: HostRecords;
  private readonly queue: RecordQueue;
  private nextSeq = 1n;
  /** The message at `nextSeq` was sent back to wait; what follows it is left until it comes again, so order holds. */
  private throttled = false;
  private ended = false;
  /** As it said first on this connection. */
  private containerId = '';
  /** Messages that the call has not taken yet. */
  private writing = 0;
  private tellEnd: (() => void) | undefined;

  constructor(private readonly options: HostStreamOptions) {
    this.peer = options.peer;
    this.records = new HostRecords(options.peer);
    this.queue = new RecordQueue({
      producer: options.producer,
      inFlight: [new InFlight(limits.streamInFlightBytesMax), options.totalInFlight],
      onFailed: options.onProduceFailed,
      onProduced: (seq) => {
        this.respond({ case: 'ack', value: create(agent.AckSchema, { seq }) });
      },
      onStalled: (reason) => {
        this.fail(status.UNAVAILABLE, `kafka_unavailable: ${reason}; spool and connect again`);
      },
    });
  }

  /** Returns when the host or this side has ended the call. */
  async run(): Promise<void> {
    const { call } = this.options;
    call.once('cancelled', () => {
      this.stop();
    });
    try {
      for await (const message of call.iterator({ destroyOnReturn: false })) {
        await this.take(message as agent.ConnectRequest);
        await this.queue.room();
        if (this.hasEnded()) return;
      }
      await this.queue.drained();
      if (!this.hasEnded()) call.end();
    } catch (error) {
      if (!this.hasEnded()) this.fail(status.INTERNAL, messageOf(error));
    } finally {
      this.stop();
    }
  }

  sendCommand(signed: action.SignedCommand): void {
    if (this.options.call.writableLength >= limits.downlinkQueueMax) {
      count(Metric.IngestCommandsDiscarded);
      return;
    }
    count(Metric.IngestCommandsSent);
    this.respond({ case: 'command', value: commandInTrace(this.peer, signed) });
  }

  /** Whose word it takes for what stands behind a command. */
  sendSigners(keys: agent.SignerKeys): void {
    this.respond({ case: 'signers', value: keys });
  }

  /** By what it knows who may stop its agent. */
  sendMaintenance(tokenSha256: Uint8Array): void {
    this.respond({ case: 'maintenance', value: create(agent.MaintenanceSchema, { tokenSha256 }) });
  }

  /** Which keys of the installation count. */
  sendKeys(keys: agent.InstallationKeys): void {
    this.respond({ case: 'keys', value: keys });
  }

  /** A host that does not read connects again, and gets the newest then. */
  sendPolicy(signed: policy.SignedPolicy): void {
    if (this.options.call.writableLength >= limits.downlinkQueueMax) {
      this.fail(status.UNAVAILABLE, 'downlink_full: connect again');
      return;
    }
    count(Metric.IngestPoliciesSent);
    this.respond({ case: 'policy', value: signed });
  }

  hasEnded(): boolean {
    return this.ended;
  }

  /** Ends the call; what was not acked comes again on the host's next connection. */
  fail(code: status, details: string): void {
    if (this.ended) return;
    this.options.logger.warn({ host: this.peer.hostId, tenant: this.peer.tenantId, code: status[code] }, details);
    this.end(code, details);
  }

  /** As `fail`, for what is no trouble. */
  end(code: status, details: string): void {
    if (this.ended) return;
    this.stop();
    // With messages on their way the call would be destroyed before its status is sent, and the host wait for nobody.
    const late = setTimeout(() => this.tellEnd?.(), limits.lastWordMs);
    late.unref();
    this.tellEnd = () => {
      clearTimeout(late);
      this.tellEnd = undefined;
      this.options.call.emit('error', { code, details });
    };
    if (this.writing === 0) this.tellEnd();
  }

  throttle(seq: bigint, order: ThrottleOrder): void {
    this.throttled = true;
    this.respond({ case: 'throttle', value: create(agent.ThrottleSchema, { ...order, seq }) });
  }

  refuseBatch({ seq, batch }: HostBatch, code: string, reason: string): void {
    if (this.mustWait(seq, batch)) return;
    this.took(seq);
    this.refuse(seq, { code, reason }, batch);
  }

  produceBatch({ seq, batch, envelope }: CheckedBatch): void {
    this.took(seq);
    const { traceparent, eventCount, batchSeq } = envelope;
    count(Metric.StageEvents, eventCount, { stage: 'ingest' });
    const attributes = { [SpanAttribute.BatchSeq]: batchSeq, [SpanAttribute.Events]: eventCount };
    produceInTrace({ peer: this.peer, topic: 'raw', traceparent, attributes }, (cause, settled) => {
      this.queue.push({ seq, output: { topic: 'raw', record: this.records.of(batch, cause) }, settled });
    });
  }

  private took(seq: bigint): void {
    this.nextSeq = seq + 1n;
    this.throttled = false;
  }

  private stop(): void {
    this.ended = true;
    this.queue.close();
  }

  private async take(message: agent.ConnectRequest): Promise<void> {
    const { seq } = message;
    if (seq < this.nextSeq) return;
    if (seq > this.nextSeq) {
      if (this.throttled) count(Metric.IngestBatchesLeft);
      else this.fail(status.INVALID_ARGUMENT, `sequence_hole: message ${seq} where ${this.nextSeq} was due`);
      return;
    }
    const { message: body } = message;
    if (body.case === 'batch') {
      await this.takeBatch(seq, body.value);
      return;
    }
    const value = this.valueOf(message);
    if (this.mustWait(seq, value)) return;
    this.took(seq);
    if (body.case === 'facts') this.takeFacts(seq, body.value, value);
    else if (body.case === 'outcome') this.takeOutcome(seq, body.value, value);
    else
      this.refuse(seq, { code: 'message_unknown', reason: 'A kind of message that this installation does not know' });
  }

  /** As it goes to Kafka. Tenant and host of an outcome are the certificate's, whatever the message says. */
  private valueOf(message: agent.ConnectRequest): Uint8Array {
    const { message: body } = message;
    if (body.case === 'facts') return toBinary(event.HostFactsSchema, body.value);
    if (body.case !== 'outcome') return toBinary(agent.ConnectRequestSchema, message);
    const { tenantId, hostId } = this.peer;
    return toBinary(action.OutcomeSchema, { ...body.value, tenantId, hostId });
  }

  /** Whether the tenant's quota is used up; the host was told then. */
  private mustWait(seq: bigint, value: Uint8Array): boolean {
    const pauseMs = this.options.meter.pauseMs(this.peer.tenantId, value.byteLength);
    if (pauseMs > 0) this.throttle(seq, { pauseMs });
    return pauseMs > 0;
  }

  private async takeBatch(seq: bigint, batch: Uint8Array): Promise<void> {
    const { tenantId, hostId } = this.peer;
    await this.options.pipeline.run([{ tenantId, hostId, seq, batch, from: this }]);
  }

  private takeFacts(seq: bigint, facts: event.HostFacts, value: Uint8Array): void {
    if (value.byteLength > limits.factsBytesMax) {
      this.refuse(seq, { code: 'facts_too_large', reason: `${value.byteLength} bytes of facts` }, value);
      return;
    }
    const foreign = this.foreignIn(facts);
    if (foreign !== undefined) {
      this.refuse(seq, { code: 'facts_foreign', reason: foreign }, value);
      return;
    }
    this.containerId ||= facts.containerId;
    this.produce(seq, 'facts', this.records.of(value));
    this.options.onFacts(facts);
  }

  /** What comes and goes is not missed: only a container's agent may say so, of the container that it is. */
  private foreignIn({ containerId, ended }: event.HostFacts): string | undefined {
    if (!this.options.inside)
      return ended || containerId !== '' ? 'A machine says that it is a container: enrol it as one' : undefined;
    if (containerId === '') return ended ? 'It has ended, and says not which container it is' : undefined;
    if (!containerIdShape.test(containerId)) return 'The id of its container is not 64 digits, 0-9 and a-f';
    if (this.containerId !== '' && this.containerId !== containerId) return 'It was another container before';
    return undefined;
  }

  private takeOutcome(seq: bigint, outcome: action.Outcome, value: Uint8Array): void {
    if (value.byteLength > limits.outcomeBytesMax) {
      this.refuse(seq, { code: 'outcome_too_large', reason: `${value.byteLength} bytes of outcome` }, value);
      return;
    }
    const { commandId, state, part } = outcome;
    const traceparent = isSampled(outcome.traceparent) ? outcome.traceparent : '';
    const attributes = {
      [SpanAttribute.Command]: commandId.slice(0, 64),
      [SpanAttribute.OutcomeState]: action.OutcomeState[state],
      [SpanAttribute.OutcomePart]: part,
    };
    produceInTrace({ peer: this.peer, topic: 'outcomes', traceparent, attributes }, (cause, settled) => {
      this.queue.push({ seq, output: { topic: 'outcomes', record: this.records.of(value, cause) }, settled });
    });
  }

  private produce(seq: bigint, topic: TopicName, record: ReturnType<HostRecords['of']>): void {
    this.queue.push({ seq, output: { topic, record } });
  }

  /** Said to the host, counted, kept as a dead letter unless there are too many, acked in its turn: the stream goes on. */
  private refuse(seq: bigint, refused: Refused, value: Uint8Array = new Uint8Array()): void {
    count(Metric.IngestMessagesRefused, 1, { code: refused.code });
    const { code, reason } = refused;
    this.respond({ case: 'refusal', value: create(agent.RefusalSchema, { seq, code, message: reason }) });
    if (this.options.deadLetters.take(keyOf(this.peer)))
      this.produce(seq, 'deadLetter', this.records.refused(value, refused));
    else this.queue.push({ seq });
  }

  private readonly written = (): void => {
    this.writing--;
    if (this.writing === 0) this.tellEnd?.();
  };

  private respond(message: agent.ConnectResponse['message']): void {
    if (this.ended) return;
    this.writing++;
    this.options.call.write(create(agent.ConnectResponseSchema, { message }), this.written);
  }
}
