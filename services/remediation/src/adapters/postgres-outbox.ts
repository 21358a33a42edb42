// The outbox: what transactions decided to send goes to Kafka in their order, at least once.
import { fromBinary } from '@bufbuild/protobuf';
import type { OutRecord, TopicName } from '@norn/bus';
import { action } from '@norn/contracts';
import { type ProofKeys, type ProofRefusal, proofRefusalOf } from '@norn/response';
import { COMMANDS_TOPIC, POLICIES_TOPIC, commandsDispatched } from '@norn/store';
import { type Logger, Metric, count } from '@norn/telemetry';
import type { DataSource, EntityManager } from 'typeorm';
import { limits } from '../limits.ts';
import type { CommandKey } from './command-key.ts';

export type Send = (topic: TopicName, records: readonly OutRecord[]) => Promise<void>;

/** One relay at a time, or two could overtake each other. Any fixed number that nothing else locks on. */
const RELAY_LOCK = 7_400_002;

export interface RelayParts {
  readonly source: DataSource;
  readonly send: Send;
  /** Whose word counts for what stands behind a command. */
  readonly proofKeys: ProofKeys;
  /** Signs what is sent to hosts, at the time it is sent: what waited is by the key of now. */
  readonly commandKey: CommandKey;
  readonly logger: Logger;
}

interface Entry {
  readonly id: string;
  readonly topic: TopicName;
  readonly key: string;
  readonly body: Buffer;
  readonly traceparent: string;
}

/**
 * Sends one round; entries leave the outbox when Kafka has them. Returns how many. A crash in between sends them again. A command behind which
 * there stands neither a proven finding nor a person is not sent: the database is not remediation's alone. By SQL, for locks that skip what another holds.
 */
export function relayOutbox({ source, send, proofKeys, commandKey, logger }: RelayParts): Promise<number> {
  return source.transaction(async (manager) => {
    const entries = await manager.query<Entry[]>(
      `SELECT id, topic, key, body, traceparent FROM outbox WHERE (SELECT pg_try_advisory_xact_lock($2))
       ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED`,
      [limits.outboxRoundMax, RELAY_LOCK],
    );
    if (entries.length === 0) return 0;
    const proven = entries.filter((entry) => {
      const refusal = refusalOf(entry, proofKeys);
      if (refusal !== undefined) tellRefused(entry, refusal, logger);
      return refusal === undefined;
    });
    commandKey.keyId();
    for (const { topic, entries: run } of runsOfOneTopic(proven)) {
      await send(
        topic,
        run.map((entry) => toRecord(entry, signedBody(entry, commandKey))),
      );
    }
    await manager.query('DELETE FROM outbox WHERE id = ANY($1)', [entries.map(({ id }) => id)]);
    await markDispatched(manager, proven);
    return entries.length;
  });
}

function signedBody({ topic, body }: Entry, commandKey: CommandKey): Uint8Array {
  if (topic === COMMANDS_TOPIC) return commandKey.signCommand(body);
  return topic === POLICIES_TOPIC ? commandKey.signPolicy(body) : body;
}

function toRecord({ key, traceparent }: Entry, value: Uint8Array): OutRecord {
  const [tenant = '', host = ''] = key.split(':');
  const headers = { tenant, host, schema: '1', received_at: String(Date.now() * 1000) };
  return { key, value, headers: traceparent === '' ? headers : { ...headers, traceparent } };
}

function runsOfOneTopic(entries: readonly Entry[]): { topic: TopicName; entries: Entry[] }[] {
  const runs: { topic: TopicName; entries: Entry[] }[] = [];
  for (const entry of entries) {
    const last = runs.at(-1);
    if (last?.topic === entry.topic) last.entries.push(entry);
    else runs.push({ topic: entry.topic, entries: [entry] });
  }
  return runs;
}

async function markDispatched(manager: EntityManager, entries: readonly Entry[]): Promise<void> {
  const ids = entries.filter(({ topic }) => topic === COMMANDS_TOPIC).map(({ body }) => commandId(body));
  await commandsDispatched(manager, ids);
  count(Metric.CommandsDispatched, ids.length);
}

function refusalOf({ topic, body }: Entry, proofKeys: ProofKeys): ProofRefusal | undefined {
  if (topic !== COMMANDS_TOPIC) return undefined;
  const signed = fromBinary(action.SignedCommandSchema, body);
  return proofRefusalOf(signed, fromBinary(action.CommandSchema, signed.command), proofKeys);
}

function tellRefused({ key, body }: Entry, code: ProofRefusal, logger: Logger): void {
  count(Metric.CommandsUnproven, 1, { reason: code });
  logger.error({ code, key, command: commandId(body) }, 'A command is not sent: nothing proven stands behind it');
}

function commandId(body: Buffer): string {
  return fromBinary(action.CommandSchema, fromBinary(action.SignedCommandSchema, body).command).id;
}
