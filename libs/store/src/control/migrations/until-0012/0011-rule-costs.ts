// What rules cost the stage that judges, minute by minute, for the last hours.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class RuleCosts1760000000011 implements MigrationInterface {
  name = 'RuleCosts1760000000011';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE rule_costs (
  -- Empty: one of Norn's own rules, over the events of all tenants.
  tenant_id text NOT NULL,
  rule_id text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  -- Events that the rules of its engine were asked about, and those this one was looked at for.
  events bigint NOT NULL,
  looked bigint NOT NULL,
  ns bigint NOT NULL
)`);
    await runner.query('CREATE INDEX rule_costs_at ON rule_costs (at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE rule_costs');
  }
}
