// Groups of hosts, and the signed policy that each tenant's hosts hold.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class HostPolicies1760000000010 implements MigrationInterface {
  name = 'HostPolicies1760000000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE host_groups (
  tenant_id text NOT NULL REFERENCES tenants (id),
  name text NOT NULL,
  members text[] NOT NULL,
  changed_by text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, name)
)`);
    await runner.query(`
CREATE TABLE host_policies (
  tenant_id text PRIMARY KEY REFERENCES tenants (id),
  epoch bigint NOT NULL,
  number integer NOT NULL,
  made_of text NOT NULL,
  signed bytea NOT NULL,
  issued_at timestamptz NOT NULL DEFAULT now()
)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE host_policies');
    await runner.query('DROP TABLE host_groups');
  }
}
