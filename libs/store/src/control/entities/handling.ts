// Alerts as people and policy handle them, the commands they caused, and the outbox and inbox that keep both exact.
import {
  Column,
  CreateDateColumn,
  Entity,
  Index,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  UpdateDateColumn,
} from 'typeorm';

/** `stopped`: the attack was stopped and undone, but for files that wait for somebody (in conflict) or are lost. */
export type AlertState = 'open' | 'responding' | 'remediated' | 'stopped' | 'failed' | 'released' | 'archived';

@Entity('alert_handlings')
@Index(['tenantId', 'createdAt'])
export class AlertHandling {
  @PrimaryColumn('text') id!: string;
  @Column('text') tenantId!: string;
  @Column('text') hostId!: string;
  @Column('integer') version!: number;
  /** norn.finding.v1.Severity. */
  @Column('smallint') severity!: number;
  @Column('text') state!: AlertState;
  @Column('text') containerId!: string;
  @Column('integer', { default: 0 }) filesRestored!: number;
  @Column('integer', { default: 0 }) filesRemoved!: number;
  @Column('integer', { default: 0 }) filesUnchanged!: number;
  @Column('integer', { default: 0 }) filesLost!: number;
  @Column('integer', { default: 0 }) filesConflict!: number;
  @Column('integer', { array: true, default: () => "'{}'" }) killedPids!: number[];
  /** The highest fencing epoch given to a command of this alert. */
  @Column('bigint', { default: '0' }) epoch!: string;
  /** W3C trace context of what made its newest version; the commands of policy join this trace. */
  @Column('text', { default: '' }) traceparent!: string;
  /** norn.finding.v1.Alert, serialised: the newest version. */
  @Column('bytea') body!: Buffer;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
}

export type CommandState =
  'requested' | 'dispatched' | 'delivered' | 'running' | 'succeeded' | 'failed' | 'expired' | 'cancelled';

@Entity('commands')
@Index(['tenantId', 'alertId'])
export class CommandRecord {
  /** 32 hex. */
  @PrimaryColumn('text') id!: string;
  @Column('text') tenantId!: string;
  @Column('text') hostId!: string;
  @Column('text') alertId!: string;
  /** A row of the table of actions (libs/response/src/commands). */
  @Column('text') action!: string;
  @Column('text') state!: CommandState;
  @Column('text', { default: '' }) code!: string;
  @Column('text', { default: '' }) message!: string;
  @Column('text') requestedBy!: string;
  @Column('bigint') epoch!: string;
  /** 32 hex each: roots of the subtrees the action applies to. */
  @Column('text', { array: true, default: () => "'{}'" }) scopeUids!: string[];
  /** The findings it answers; a later alert version asks only for what is not here yet. */
  @Column('text', { array: true, default: () => "'{}'" }) findingIds!: string[];
  /** Of an undo: the id of the restore that it undoes; else empty. */
  @Column('text', { default: '' }) undoes!: string;
  /** Of a restore: files it put back or removed. */
  @Column('integer', { default: 0 }) filesChanged!: number;
  /** Of these: files that it removed. */
  @Column('integer', { default: 0 }) filesRemoved!: number;
  @Column('integer', { default: 0 }) filesUnchanged!: number;
  @Column('integer', { default: 0 }) filesLost!: number;
  @Column('integer', { default: 0 }) filesConflict!: number;
  /** How often it was put into the outbox. */
  @Column('integer', { default: 0 }) attempts!: number;
  /** norn.action.v1.SignedCommand, serialised; remediation signs it whenever it is sent. */
  @Column('bytea') signed!: Buffer;
  /** W3C trace context of what asked for it; whenever it is dispatched, it joins this trace. */
  @Column('text', { default: '' }) traceparent!: string;
  @Column('timestamptz') expiresAt!: Date;
  /** The sweeper dispatches again what nobody has confirmed by then. */
  @Column('timestamptz') retryAt!: Date;
  @Column('timestamptz', { nullable: true }) finishedAt!: Date | null;
  @CreateDateColumn({ type: 'timestamptz' }) requestedAt!: Date;
  @UpdateDateColumn({ type: 'timestamptz' }) updatedAt!: Date;
}

/** What the page of an alert shows of stored events. The api makes it and alone knows what is in it. */
@Entity('attack_summaries')
export class AttackSummaryRecord {
  @PrimaryColumn('text') tenantId!: string;
  @PrimaryColumn('text') alertId!: string;
  /** Of the alert that it was made for. */
  @Column('integer') alertVersion!: number;
  @Column('timestamptz') madeAt!: Date;
  /** Made when nothing more could come. */
  @Column('boolean') settled!: boolean;
  /** JSON, compressed. */
  @Column('bytea') body!: Buffer;
  /** Processes whose end was not known; null in those of before it was kept. */
  @Column('jsonb', { nullable: true }) unended!: readonly object[] | null;
}

/** What is to be produced to Kafka, written in the transaction that decided it. */
@Entity('outbox')
export class OutboxEntry {
  @PrimaryGeneratedColumn({ type: 'bigint' }) id!: string;
  @Column('text') topic!: string;
  @Column('text') key!: string;
  @Column('bytea') body!: Buffer;
  @Column('text', { default: '' }) traceparent!: string;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt!: Date;
}

/** Messages a consumer has already applied: `topic:key:id`. */
@Entity('inbox')
export class InboxEntry {
  @PrimaryColumn('text') id!: string;
  @CreateDateColumn({ type: 'timestamptz' }) appliedAt!: Date;
}

/** What a tenant wants done about a protection. The table is older than the word: policies are in `policy_versions`. */
@Entity('policies')
export class ProtectionResponse {
  @PrimaryColumn('text') tenantId!: string;
  /** "ransomware", "fileless", "miner", "reverse-shell", "rule". */
  @PrimaryColumn('text') protection!: string;
  @Column('text') response!: 'observe' | 'suspend' | 'kill' | 'kill-and-remediate';
  @UpdateDateColumn({ type: 'timestamptz' }) updatedAt!: Date;
}
