// Fakes of ingest's ports: what a unit test can look into, break and mend.
import { create } from '@bufbuild/protobuf';
import { NornError } from '@norn/base';
import type { TopicName } from '@norn/bus';
import { agent } from '@norn/contracts';
import type { AddressedCommand, CommandFeed } from '../src/ports/command-feed.ts';
import type {
  AuditFact,
  EnrolledHost,
  EnrolmentClaim,
  HeardHosts,
  HostRegistry,
  KnownHost,
  ProvenHost,
  TokenStop,
} from '../src/ports/host-registry.ts';
import type { PolicyFeed, TenantPolicy } from '../src/ports/policy-feed.ts';
import type { SignerFeed } from '../src/ports/signer-feed.ts';
import type { OutgoingRecord, ProduceRecords } from '../src/ports/produce-records.ts';

const silent = { throttle: () => undefined, refuseBatch: () => undefined, produceBatch: () => undefined };

/** What a batch says of its host, for a step that is tried by itself. */
export const fromHost = { tenantId: 'default', hostId: 'host-1', seq: 1n, from: silent };

export interface ProducedRecord extends OutgoingRecord {
  readonly topic: TopicName;
}

export class FakeProducer implements ProduceRecords {
  readonly records: ProducedRecord[] = [];
  /** How many of the next sends are refused. */
  failures = 0;
  private gate: Promise<void> | undefined;
  private open: () => void = () => undefined;

  async send(topic: TopicName, records: readonly OutgoingRecord[]): Promise<void> {
    await this.gate;
    if (this.failures > 0) {
      this.failures--;
      throw new Error('The fake broker is away');
    }
    this.records.push(...records.map((record) => ({ ...record, topic })));
  }

  /** Nothing is acked until `release`. */
  hold(): void {
    this.gate = new Promise((resolve) => (this.open = resolve));
  }

  release(): void {
    this.gate = undefined;
    this.open();
  }

  of(topic: TopicName): ProducedRecord[] {
    return this.records.filter((record) => record.topic === topic);
  }
}

export class FakeRegistry implements HostRegistry {
  readonly hosts = new Map<string, KnownHost>();
  readonly audits: AuditFact[] = [];
  readonly heard: HeardHosts[] = [];
  /** The next so many writes of who was heard are refused. */
  deafTurns = 0;
  readonly stops: (TokenStop & { readonly hostId: string })[] = [];
  readonly saved: { readonly hostId: string; readonly facts: object }[] = [];
  readonly joinTokens = new Map<string, string>();
  /** How often it was asked for a host. */
  asked = 0;
  /** What a question for a host waits for; it fails when this does. */
  answering: Promise<unknown> = Promise.resolve();

  async find(tenantId: string, hostId: string): Promise<KnownHost | undefined> {
    this.asked++;
    await this.answering;
    return this.hosts.get(`${tenantId}:${hostId}`);
  }

  async enrol<T>(claim: EnrolmentClaim, issue: (host: EnrolledHost) => Promise<T>): Promise<T | undefined> {
    const tenantId = this.joinTokens.get(claim.joinToken);
    if (tenantId === undefined) return undefined;
    this.joinTokens.delete(claim.joinToken);
    const hostId = `host-${String(this.hosts.size).padStart(16, '0')}`;
    this.hosts.set(`${tenantId}:${hostId}`, { isRevoked: false, inside: claim.inside });
    return issue({ tenantId, hostId });
  }

  async certifyAgain<T>(proven: ProvenHost, issue: (host: EnrolledHost) => Promise<T>): Promise<T> {
    const { tenantId, hostId, action, details } = proven;
    const known = this.hosts.get(`${tenantId}:${hostId}`);
    if (known === undefined) throw new NornError('host_unknown', 'The fake control plane has no such host');
    if (known.isRevoked) throw new NornError('certificate_revoked', 'The fake control plane revoked it');
    this.audits.push({ tenantId, action, subject: hostId, details });
    return issue({ tenantId, hostId });
  }

  maintenanceToken({ hostId }: EnrolledHost): Promise<string | undefined> {
    const used = this.stops.filter((stop) => stop.hostId === hostId).length;
    return Promise.resolve(`token-${used}-of-${hostId}`);
  }

  redeemToldLater({ hostId }: EnrolledHost, stop: TokenStop): Promise<void> {
    if (this.deafTurns > 0) {
      this.deafTurns--;
      return Promise.reject(new Error('The fake control plane is away'));
    }
    this.stops.push({ hostId, ...stop });
    return Promise.resolve();
  }

  saveFacts({ hostId }: EnrolledHost, facts: object): Promise<void> {
    this.saved.push({ hostId, facts });
    return Promise.resolve();
  }

  writeHeard(heard: HeardHosts): Promise<void> {
    if (this.deafTurns > 0) {
      this.deafTurns--;
      return Promise.reject(new Error('The fake control plane is away'));
    }
    this.heard.push(heard);
    return Promise.resolve();
  }

  audit(fact: AuditFact): Promise<void> {
    this.audits.push(fact);
    return Promise.resolve();
  }
}

export class FakePolicies implements PolicyFeed {
  tell: (policy: TenantPolicy) => void = () => undefined;

  start(tell: (policy: TenantPolicy) => void): Promise<void> {
    this.tell = tell;
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export class FakeCommands implements CommandFeed {
  deliver: (command: AddressedCommand) => void = () => undefined;
  /** How long closing takes. */
  closing: Promise<unknown> = Promise.resolve();

  start(deliver: (command: AddressedCommand) => void): Promise<void> {
    this.deliver = deliver;
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.closing;
  }
}

export class FakeSigners implements SignerFeed {
  private key = 'first';
  private told = 'first';

  change(key: string): void {
    this.key = key;
  }

  keys(): agent.SignerKeys {
    this.told = this.key;
    const key = create(agent.SignerKeySchema, { signer: 'detection', publicKey: this.key });
    return create(agent.SignerKeysSchema, { keys: [key] });
  }

  refresh(): boolean {
    return this.key !== this.told;
  }
}
