// Tenants, the people in them and their ways in.
import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** viewer sees; analyst also archives and assigns; responder also acts on hosts; admin also manages people and hosts. */
export type Role = 'viewer' | 'analyst' | 'responder' | 'admin';

@Entity('tenants')
export class Tenant {
  @PrimaryColumn('text') id!: string;
  @Column('text') name!: string;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt!: Date;
}

@Entity('users')
export class User {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') tenantId!: string;
  @Column('text') name!: string;
  @Column('text') role!: Role;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt!: Date;
}

/** A secret that lets someone in; only its SHA-256 is kept. */
@Entity('access_tokens')
export class AccessToken {
  /** SHA-256 of the token, hex. */
  @PrimaryColumn('text') tokenHash!: string;
  /** `session`: a browser's cookie; `api`: a bearer token; `login`: the one-time link; `join`: enrols a host, or `usesMax` of them. */
  @Column('text') kind!: 'session' | 'api' | 'login' | 'join';
  @Column('text') tenantId!: string;
  /** Null for join tokens. */
  @Column('uuid', { nullable: true }) userId!: string | null;
  @Column('timestamptz') expiresAt!: Date;
  /** Since when it is used up. */
  @Column('timestamptz', { nullable: true }) usedAt!: Date | null;
  /** Of login and join tokens: how often it lets someone in, and how often it has. */
  @Column('integer', { default: 1 }) usesMax!: number;
  @Column('integer', { default: 0 }) uses!: number;
  /** Of a join token: the group of hosts that who joins by it is in; empty for none. */
  @Column('text', { default: '' }) hostGroup!: string;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt!: Date;
}

@Entity('hosts')
export class Host {
  @PrimaryColumn('text') id!: string;
  @Column('text') tenantId!: string;
  @Column('text') name!: string;
  /** What it said at its enrolment; two hosts may say the same. */
  @Column('text') machineId!: string;
  /** The group of hosts that its invitation named; empty for none. */
  @Column('text', { default: '' }) joinedGroup!: string;
  /** It is the agent of one container, as it said at its enrolment. */
  @Column('boolean', { default: false }) inside!: boolean;
  /** Certificates issued before are refused. */
  @Column('timestamptz', { nullable: true }) revokedBefore!: Date | null;
  /** Nobody misses it until then. */
  @Column('timestamptz', { nullable: true }) maintenanceUntil!: Date | null;
  /** Good for one stop of its agent; null before the host asked for it. Read only by who means to. */
  @Column('text', { nullable: true, select: false }) maintenanceToken!: string | null;
  @Column('timestamptz', { nullable: true }) lastSeenAt!: Date | null;
  /** norn.event.v1.HostFacts as JSON, the newest. */
  @Column('jsonb', { nullable: true }) facts!: object | null;
  @CreateDateColumn({ type: 'timestamptz' }) enrolledAt!: Date;
}

/** Append-only: a trigger refuses update and delete. */
@Entity('audit_entries')
export class AuditEntry {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') tenantId!: string;
  /** "policy", "ingest", or a user's name. */
  @Column('text') actor!: string;
  /** "login", "command.requested", "command.refused", "certificate.refused", …. */
  @Column('text') action!: string;
  @Column('text') subject!: string;
  @Column('jsonb') details!: object;
  @CreateDateColumn({ type: 'timestamptz' }) at!: Date;
}
