// What is sent to the broker, written once. kafkajs makes a buffer of each header, record, batch, partition and topic, fills it with zeros, and copies it
// into the next one: a value was copied nine times. Here the size is known before the one buffer is made.
// Formats: Produce request 3 to 7, https://kafka.apache.org/protocol.html; record batch 2, https://kafka.apache.org/documentation/#recordbatch
import { crc32c } from '@node-rs/crc32';

/** As kafkajs hands it over. */
export interface ProducedMessage {
  readonly key?: unknown;
  readonly value: unknown;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly timestamp?: string;
}

export interface ProduceRequest<Message = ProducedMessage> {
  readonly acks: number;
  readonly timeout: number;
  readonly transactionalId?: string | null;
  /** 64 bits, as kafkajs has them. */
  readonly producerId?: { toString(): string };
  readonly producerEpoch?: number;
  readonly compression?: number;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly firstSequence?: number;
      readonly messages: readonly Message[];
    }[];
  }[];
}

/** As Norn's producer makes it. */
export interface PlainMessage {
  readonly key: string;
  readonly value: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** From the first offset to where the length counts from. */
const batchPrefixBytes = 8 + 4;
/** Leader epoch, format, checksum. */
const batchHeadBytes = 4 + 1 + 4;
/** Attributes, last offset, two times, producer, its epoch, sequence, number of records: with these begins what the checksum is of. */
const batchBodyHeadBytes = 2 + 4 + 8 + 8 + 8 + 2 + 4 + 4;
const formatVersion = 2;

/** Whether all of it is as Norn's producer makes it: neither compressed nor in a transaction, and at the time of sending. */
export function isPlain(request: ProduceRequest): request is ProduceRequest<PlainMessage> {
  const { compression = 0, transactionalId, topicData } = request;
  if (compression !== 0 || typeof transactionalId === 'string') return false;
  return topicData.every(({ partitions }) => partitions.every(({ messages }) => messages.every(isPlainMessage)));
}

function isPlainMessage({ key, value, headers = {}, timestamp }: ProducedMessage): boolean {
  if (typeof key !== 'string' || !Buffer.isBuffer(value) || timestamp !== undefined) return false;
  return Object.values(headers).every((text) => typeof text === 'string');
}

/** The body of the request, byte for byte what kafkajs makes of it at `nowMs`. */
export function encodeProduce(request: ProduceRequest<PlainMessage>, nowMs: number): Buffer {
  const topics = request.topicData.map(({ topic, partitions }) => ({
    topic,
    batches: partitions.map((each) => ({ ...each, recordBytes: each.messages.map(recordBytesOf) })),
  }));
  let size = 2 + 2 + 4 + 4;
  for (const { topic, batches } of topics) {
    size += 2 + Buffer.byteLength(topic) + 4;
    for (const { recordBytes } of batches) size += 4 + 4 + batchPrefixBytes + batchBytesOf(recordBytes);
  }
  const to = new RequestWriter(size);
  to.int16(-1);
  to.int16(request.acks);
  to.int32(request.timeout);
  to.int32(topics.length);
  for (const { topic, batches } of topics) {
    to.int16(Buffer.byteLength(topic));
    to.text(topic);
    to.int32(batches.length);
    for (const batch of batches) writeBatch(to, batch, { ...request, nowMs });
  }
  return to.bytes;
}

interface Batch {
  readonly partition: number;
  readonly firstSequence?: number;
  readonly messages: readonly PlainMessage[];
  /** Of each message, without its length before it. */
  readonly recordBytes: readonly number[];
}

type Origin = Pick<ProduceRequest, 'producerId' | 'producerEpoch'> & { readonly nowMs: number };

function writeBatch(to: RequestWriter, batch: Batch, { producerId, producerEpoch = 0, nowMs }: Origin): void {
  const { partition, firstSequence = 0, messages, recordBytes } = batch;
  const batchBytes = batchBytesOf(recordBytes);
  to.int32(partition);
  to.int32(batchPrefixBytes + batchBytes);
  to.int64(0n);
  to.int32(batchBytes);
  to.int32(0);
  to.int8(formatVersion);
  const checksumAt = to.position;
  to.int32(0);
  to.int16(0);
  to.int32(messages.length - 1);
  to.int64(BigInt(nowMs));
  to.int64(BigInt(nowMs));
  to.int64(BigInt(producerId?.toString() ?? -1));
  to.int16(producerEpoch);
  to.int32(firstSequence);
  to.int32(messages.length);
  messages.forEach((message, at) => {
    to.varint(recordBytes[at] ?? 0);
    writeRecord(to, message, at);
  });
  to.bytes.writeUInt32BE(crc32c(to.bytes.subarray(checksumAt + 4, to.position)), checksumAt);
}

/** Attributes, the time's and the offset's distance to the batch's; then what it says. */
function writeRecord(to: RequestWriter, { key, value, headers = {} }: PlainMessage, offset: number): void {
  to.int8(0);
  to.varint(0);
  to.varint(offset);
  to.varint(Buffer.byteLength(key));
  to.text(key);
  to.varint(value.length);
  to.raw(value);
  const names = Object.keys(headers);
  to.varint(names.length);
  for (const name of names) {
    const text = headers[name] ?? '';
    to.varint(Buffer.byteLength(name));
    to.text(name);
    to.varint(Buffer.byteLength(text));
    to.text(text);
  }
}

function batchBytesOf(recordBytes: readonly number[]): number {
  return recordBytes.reduce((sum, bytes) => sum + varintBytes(bytes) + bytes, batchHeadBytes + batchBodyHeadBytes);
}

function recordBytesOf({ key, value, headers = {} }: PlainMessage, offset: number): number {
  const names = Object.keys(headers);
  let bytes = 1 + varintBytes(0) + varintBytes(offset) + varintBytes(names.length);
  bytes += prefixed(Buffer.byteLength(key)) + prefixed(value.length);
  for (const name of names)
    bytes += prefixed(Buffer.byteLength(name)) + prefixed(Buffer.byteLength(headers[name] ?? ''));
  return bytes;
}

function prefixed(bytes: number): number {
  return varintBytes(bytes) + bytes;
}

/** Of a number that is not negative: Kafka's are zigzag, so it takes one bit more. */
function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value * 2; rest >= 0x80; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}

/** Numbers are big-endian. */
class RequestWriter {
  readonly bytes: Buffer;
  position = 0;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size);
  }

  int8(value: number): void {
    this.position = this.bytes.writeInt8(value, this.position);
  }

  int16(value: number): void {
    this.position = this.bytes.writeInt16BE(value, this.position);
  }

  int32(value: number): void {
    this.position = this.bytes.writeInt32BE(value, this.position);
  }

  int64(value: bigint): void {
    this.position = this.bytes.writeBigInt64BE(value, this.position);
  }

  /** Not negative. */
  varint(value: number): void {
    let rest = value * 2;
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.bytes[this.position++] = (rest % 128) | 0x80;
    this.bytes[this.position++] = rest;
  }

  text(value: string): void {
    this.position += this.bytes.write(value, this.position);
  }

  raw(value: Buffer): void {
    this.position += value.copy(this.bytes, this.position);
  }
}
