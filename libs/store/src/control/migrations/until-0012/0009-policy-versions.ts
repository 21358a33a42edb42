// Every version of each tenant's policy; the newest is in force.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class PolicyVersions1760000000009 implements MigrationInterface {
  name = 'PolicyVersions1760000000009';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE policy_versions (
  tenant_id text NOT NULL REFERENCES tenants (id),
  number integer NOT NULL CHECK (number > 0),
  name text NOT NULL,
  body text NOT NULL,
  restores integer,
  applied_by text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, number)
)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE policy_versions');
  }
}
