// The ordered policies of tenants, version by version.
import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** Never changed: the newest number of a tenant is in force. */
@Entity('policy_versions')
export class PolicyVersion {
  @PrimaryColumn('text') tenantId!: string;
  /** From 1, without holes. */
  @PrimaryColumn('integer') number!: number;
  /** The policy's own. */
  @Column('text') name!: string;
  /** The YAML as it came. */
  @Column('text') body!: string;
  /** The number whose text it took up again; null when it brought its own. */
  @Column('integer', { nullable: true }) restores!: number | null;
  @Column('text') appliedBy!: string;
  @CreateDateColumn({ type: 'timestamptz' }) appliedAt!: Date;
}

/** Hosts under one name, which policies may name as subjects. */
@Entity('host_groups')
export class HostGroup {
  @PrimaryColumn('text') tenantId!: string;
  @PrimaryColumn('text') name!: string;
  /** Ids of hosts, or patterns of their names with `*`. */
  @Column('text', { array: true }) members!: string[];
  @Column('text') changedBy!: string;
  @Column('timestamptz') changedAt!: Date;
}

/** What the tenant's hosts hold, or will when they connect. */
@Entity('host_policies')
export class HostPolicyRecord {
  @PrimaryColumn('text') tenantId!: string;
  /** Grows with each one that is made. */
  @Column('bigint') epoch!: string;
  /** Of the version of the policy that it was made of. */
  @Column('integer') number!: number;
  /** SHA-256 over version and groups: what is the same is not made again. */
  @Column('text') madeOf!: string;
  /** norn.policy.v1.SignedPolicy. */
  @Column('bytea') signed!: Buffer;
  @Column('timestamptz') issuedAt!: Date;
}
