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
