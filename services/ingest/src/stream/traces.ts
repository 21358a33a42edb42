// Ingest's spans: a sampled batch or outcome on its way to Kafka, a sampled command on its way to its host.
import { type TopicName, topics } from '@norn/bus';
import type { action } from '@norn/contracts';
import { SpanAttribute, SpanKind, beginSpan, isSampled } from '@norn/telemetry';
import type { Peer } from './peer.ts';

export interface SentByHost {
  readonly peer: Peer;
  readonly topic: TopicName;
  /** A W3C trace context or nothing; what is not sampled makes no span. */
  readonly traceparent: string;
  readonly attributes: Readonly<Record<string, string | number>>;
}

/** Told what the record's cause is, and whom to tell when the record is in Kafka or given up. */
type Produce = (traceparent: string, settled: () => void) => void;

const tellNobody = (): void => undefined;

/** The span lasts until Kafka has the record. */
export function produceInTrace({ peer, topic, traceparent, attributes }: SentByHost, produce: Produce): void {
  const span = isSampled(traceparent)
    ? beginSpan(`ingest ${topic}`, {
        traceparent,
        kind: SpanKind.PRODUCER,
        attributes: { ...messaging('send', topic), ...ownerOf(peer), ...attributes },
      })
    : undefined;
  if (span === undefined) {
    produce(traceparent, tellNobody);
    return;
  }
  produce(span.traceparent, () => {
    span.end();
  });
}

/** The command as its host gets it: with ingest's span as what its outcomes follow from. The signature does not cover the trace context. */
export function commandInTrace(peer: Peer, signed: action.SignedCommand): action.SignedCommand {
  if (!isSampled(signed.traceparent)) return signed;
  const { traceparent } = signed;
  const attributes = { ...messaging('process', 'commands'), ...ownerOf(peer) };
  const span = beginSpan('ingest commands', { traceparent, kind: SpanKind.CONSUMER, attributes });
  span?.end();
  return span === undefined ? signed : { ...signed, traceparent: span.traceparent };
}

function messaging(operation: 'send' | 'process', topic: TopicName): Record<string, string> {
  return {
    [SpanAttribute.MessagingSystem]: 'kafka',
    [SpanAttribute.MessagingOperationName]: operation,
    [SpanAttribute.MessagingOperationType]: operation,
    [SpanAttribute.MessagingDestination]: topics[topic],
  };
}

function ownerOf({ tenantId, hostId }: Peer): Record<string, string> {
  return { [SpanAttribute.Tenant]: tenantId, [SpanAttribute.Host]: hostId };
}
