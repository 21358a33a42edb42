// Exceptions to detection rules. One that is removed is kept: a replay has to know that it held until then.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class RuleExceptions1760000000008 implements MigrationInterface {
  name = 'RuleExceptions1760000000008';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE rule_exceptions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id text NOT NULL REFERENCES tenants (id),
  rule_id text NOT NULL,
  scope jsonb NOT NULL,
  author text NOT NULL,
  reason text NOT NULL CHECK (reason <> ''),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  removed_at timestamptz,
  CHECK (expires_at > created_at)
)`);
    await runner.query('CREATE INDEX rule_exceptions_tenant_time ON rule_exceptions (tenant_id, created_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE rule_exceptions');
  }
}
