// Detection rules that a tenant brought along.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ImportedRules1760000000007 implements MigrationInterface {
  name = 'ImportedRules1760000000007';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE imported_rules (
  tenant_id text NOT NULL REFERENCES tenants (id),
  rule_id text NOT NULL,
  state text NOT NULL DEFAULT 'observe' CHECK (state IN ('observe', 'alert', 'off')),
  title text NOT NULL,
  author text NOT NULL,
  level text NOT NULL,
  file text NOT NULL,
  body text NOT NULL,
  imported_by text NOT NULL,
  imported_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, rule_id)
)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE imported_rules');
  }
}
