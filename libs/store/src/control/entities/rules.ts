// Detection rules that a tenant brought along, and exceptions to rules.
import { Column, CreateDateColumn, Entity, PrimaryColumn, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';

/** `observe`: its findings are kept and open no alert. */
export type ImportedRuleState = 'observe' | 'alert' | 'off';

@Entity('imported_rules')
export class ImportedRule {
  @PrimaryColumn('text') tenantId!: string;
  /** The rule's own; one that has none gets one that follows from its file's name. */
  @PrimaryColumn('text') ruleId!: string;
  @Column('text') state!: ImportedRuleState;
  @Column('text') title!: string;
  @Column('text') author!: string;
  @Column('text') level!: string;
  /** As the import named it. */
  @Column('text') file!: string;
  /** The YAML as it came. */
  @Column('text') body!: string;
  @Column('text') importedBy!: string;
  @CreateDateColumn({ type: 'timestamptz' }) importedAt!: Date;
  @UpdateDateColumn({ type: 'timestamptz' }) updatedAt!: Date;
}

/** What of a rule's findings is excepted; what is empty may be anything. `libs/rules` says what each means. */
export interface ExceptedScope {
  readonly process: {
    readonly sha256: string;
    readonly imagePath: string;
    /** Absent in those of before packages were known. */
    readonly package?: string;
    readonly parentImage: string;
    readonly commandLine: string;
  };
  readonly place: {
    readonly containerImage: string;
    readonly hostId: string;
    /** Absent in those of before there were groups. */
    readonly hostGroup?: string;
    readonly pathPrefix: string;
  };
  readonly evidence: readonly { readonly field: string; readonly value: string }[];
}

/** Holds from `createdAt` until it expires or is removed, whichever is first. */
@Entity('rule_exceptions')
export class RuleException {
  @PrimaryGeneratedColumn('uuid') id!: string;
  @Column('text') tenantId!: string;
  @Column('text') ruleId!: string;
  @Column('jsonb') scope!: ExceptedScope;
  /** A user's name. */
  @Column('text') author!: string;
  @Column('text') reason!: string;
  @CreateDateColumn({ type: 'timestamptz' }) createdAt!: Date;
  @Column('timestamptz') expiresAt!: Date;
  @Column('timestamptz', { nullable: true }) removedAt!: Date | null;
}
