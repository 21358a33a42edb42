// The stream to the installation: sends what the spool holds in order, takes acks and commands, comes back when it breaks.
import { create, fromBinary } from '@bufbuild/protobuf';
import { type Client, type ClientDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import { action, agent, agentServiceDefinition, type event, type policy } from '@norn/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { BackOff } from '../back-off.ts';
import { limits } from '../limits.ts';
import type { MaintenanceLock } from '../maintenance-lock.ts';
import type { SpoolEntry } from '../spool/spool-record.ts';
import type { Spool } from '../spool/spool.ts';
import { type ClientSecrets, openClient } from './grpc-client.ts';
import type { Target } from './ingest-peers.ts';
import { Window } from './window.ts';

export interface UplinkOptions {
  /** Asked at each connection. */
  readonly target: () => Target;
  /** Asked at each connection: certificates are renewed. */
  readonly secrets: () => ClientSecrets;
  readonly spool: Spool;
  readonly onCommand: (signed: action.SignedCommand) => void;
  readonly onPolicy: (signed: policy.SignedPolicy) => void;
  readonly onSigners: (keys: agent.SignerKeys) => void;
  /** Who may stop this agent, as the installation says; a host of the installation no more is stopped by whoever may. */
  readonly lock: Pick<MaintenanceLock, 'learn' | 'lift'>;
  readonly onKeys: (keys: agent.InstallationKeys) => void;
  /** The installation takes no certificate of the authority that issued this host's. */
  readonly onForeign: () => void;
  /** Facts are sent first on a connection. */
  readonly onConnecting: () => void;
  readonly onAcked: () => void;
  readonly logger: Logger;
}

type ConnectCall = ClientDuplexStream<agent.ConnectRequest, agent.ConnectResponse>;

/** What ingest says, of a host of an authority that is retired. */
const foreignShape = /: certificate_foreign: /;

/** One connection, from its first message to its end. */
interface Connection {
  readonly client: Client;
  readonly call: ConnectCall;
  readonly window: Window;
  /** Of the spool, the last that was sent. */
  sentThrough: number;
  pausedUntilResent: boolean;
  isBlocked: boolean;
  /** Of the facts sent last, and of what was acked last. */
  factsSeq: bigint;
  ackedSeq: bigint;
  ackTimer: NodeJS.Timeout | undefined;
  pauseTimer: NodeJS.Timeout | undefined;
}

/** How ingest's refusal of a host begins that is none of the installation's any more. */
const expelled = /^(certificate_revoked|host_unknown)\b/;

const heardPollMs = 20;

export class Uplink {
  private readonly backOff = new BackOff(limits.reconnectWait);
  private connection: Connection | undefined;
  private reconnectTimer: NodeJS.Timeout | undefined;
  private facts: event.HostFacts | undefined;
  private stopped = false;
  refused = 0;
  throttled = 0;

  constructor(private readonly options: UplinkOptions) {}

  start(): void {
    this.connect();
  }

  /** The newest facts win; they wait for the connection if there is none. */
  sendFacts(facts: event.HostFacts): void {
    this.facts = facts;
    this.pump();
  }

  /** Until the installation has the facts that were given last, at most `withinMs`; at once when there is no connection. */
  async factsHeard(withinMs: number): Promise<void> {
    const giveUpAt = performance.now() + withinMs;
    const isHeard = (): boolean => {
      const { connection, facts } = this;
      return connection === undefined || (facts === undefined && connection.factsSeq <= connection.ackedSeq);
    };
    while (!isHeard() && performance.now() < giveUpAt) await sleep(heardPollMs);
  }

  /** Sends what the spool holds and the window lets through. */
  pump(): void {
    const { connection } = this;
    if (connection === undefined || connection.pausedUntilResent || connection.isBlocked) return;
    if (this.facts !== undefined && connection.window.hasRoom()) {
      const { facts } = this;
      this.facts = undefined;
      const sent = connection.window.add({ case: 'facts', value: facts }, { position: 0, bytes: 4096 });
      connection.factsSeq = sent.seq;
      this.write(connection, sent);
    }
    while (connection.window.hasRoom() && !isBlocked(connection)) {
      const entries = this.options.spool.read(connection.sentThrough, limits.spoolReadBytes);
      if (entries.length === 0) return;
      for (const entry of entries) this.sendEntry(connection, entry);
    }
  }

  /** Connects anew, with the secrets of now. */
  reconnect(): void {
    const { connection } = this;
    if (connection !== undefined) this.ended(connection, 'reconnecting');
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.reconnectTimer);
    const { connection } = this;
    if (connection === undefined) return;
    this.release(connection);
    this.connection = undefined;
  }

  private connect(): void {
    if (this.stopped) return;
    const { target, secrets, spool, onConnecting } = this.options;
    const client = openClient(target(), secrets());
    const { path, requestSerialize, responseDeserialize } = agentServiceDefinition.connect;
    const call: ConnectCall = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const timers = { ackTimer: undefined, pauseTimer: undefined };
    const sentThrough = spool.ackedThrough;
    const state = { sentThrough, pausedUntilResent: false, isBlocked: false, factsSeq: 0n, ackedSeq: 0n };
    const connection: Connection = { client, call, window: new Window(), ...state, ...timers };
    this.connection = connection;
    call.on('data', (response: agent.ConnectResponse) => {
      this.hear(connection, response);
    });
    call.on('drain', () => {
      connection.isBlocked = false;
      this.pump();
    });
    call.on('error', (error: ServiceError) => {
      if (expelled.test(error.details)) this.options.lock.lift();
      this.ended(connection, `${status[error.code]}: ${error.details}`);
    });
    call.on('end', () => {
      this.ended(connection, 'ended by the installation');
    });
    onConnecting();
    this.pump();
  }

  private ended(connection: Connection, reason: string): void {
    if (this.connection !== connection) return;
    this.connection = undefined;
    this.release(connection);
    this.options.spool.sentThrough = this.options.spool.ackedThrough;
    if (this.stopped) return;
    const waitMs = this.backOff.nextMs();
    this.options.logger.warn({ code: 'uplink_down', waitMs }, reason);
    if (foreignShape.test(reason)) this.options.onForeign();
    this.reconnectTimer = setTimeout(() => {
      this.connect();
    }, waitMs);
  }

  private release({ call, client, ackTimer, pauseTimer }: Connection): void {
    clearTimeout(ackTimer);
    clearTimeout(pauseTimer);
    call.cancel();
    client.close();
  }

  private hear(connection: Connection, { message }: agent.ConnectResponse): void {
    if (this.connection !== connection) return;
    if (message.case === 'ack') this.acked(connection, message.value.seq);
    else if (message.case === 'throttle') this.throttle(connection, message.value);
    else if (message.case === 'command') this.options.onCommand(message.value);
    else if (message.case === 'policy') this.options.onPolicy(message.value);
    else if (message.case === 'signers') this.options.onSigners(message.value);
    else if (message.case === 'maintenance') this.options.lock.learn(message.value.tokenSha256);
    else if (message.case === 'keys') this.options.onKeys(message.value);
    else if (message.case === 'refusal') {
      this.refused++;
      const { seq, code, message: reason } = message.value;
      this.options.logger.error({ code, seq: String(seq) }, `refused by the installation: ${reason}`);
    }
  }

  private acked(connection: Connection, seq: bigint): void {
    this.backOff.reset();
    connection.ackedSeq = seq;
    const position = connection.window.ack(seq);
    if (position > 0) this.options.spool.ack(position);
    clearTimeout(connection.ackTimer);
    connection.ackTimer = undefined;
    if (connection.window.size > 0) this.awaitAck(connection);
    this.options.onAcked();
    this.pump();
  }

  /** The throttled message and all after it go again, under the same seqs, when the pause is over. */
  private throttle(connection: Connection, { pauseMs, seq }: agent.Throttle): void {
    this.throttled++;
    connection.pausedUntilResent = true;
    clearTimeout(connection.ackTimer);
    connection.ackTimer = undefined;
    connection.pauseTimer = setTimeout(() => {
      connection.pausedUntilResent = false;
      for (const message of connection.window.from(seq)) this.write(connection, message);
      this.pump();
    }, pauseMs);
  }

  private sendEntry(connection: Connection, { kind, position, bytes }: SpoolEntry): void {
    const message: agent.ConnectRequest['message'] =
      kind === 'batch'
        ? { case: 'batch', value: bytes }
        : { case: 'outcome', value: fromBinary(action.OutcomeSchema, bytes) };
    this.write(connection, connection.window.add(message, { position, bytes: bytes.byteLength }));
    connection.sentThrough = position;
    this.options.spool.sentThrough = position;
  }

  private write(
    connection: Connection,
    { message, seq }: { message: agent.ConnectRequest['message']; seq: bigint },
  ): void {
    if (!connection.call.write(create(agent.ConnectRequestSchema, { message, seq }))) connection.isBlocked = true;
    this.awaitAck(connection);
  }

  private awaitAck(connection: Connection): void {
    connection.ackTimer ??= setTimeout(() => {
      this.ended(connection, `nothing acked for ${limits.ackTimeoutMs} ms`);
    }, limits.ackTimeoutMs);
  }
}

/** A call, so that the compiler does not take what `write` changes for constant. */
function isBlocked(connection: Connection): boolean {
  return connection.isBlocked;
}
