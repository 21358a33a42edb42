// Entries of the trail are sealed in a chain, each seal over its entry and the seal before it: what is changed or taken out afterwards shows.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AuditChain1760000000028 implements MigrationInterface {
  name = 'AuditChain1760000000028';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE audit_seals (
  tenant_id text NOT NULL,
  -- 1, 2, 3 … in its tenant.
  number bigint NOT NULL,
  entry_id uuid NOT NULL UNIQUE,
  -- SHA-256, hex.
  hash text NOT NULL,
  sealed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, number)
)`);
    await runner.query(`
CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE ON audit_seals
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()`);
    await runner.query(`
CREATE TRIGGER audit_seals_not_emptied BEFORE TRUNCATE ON audit_seals
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()`);
    // Who writes an entry does not wait for who writes another one of the tenant: they queue, and are sealed a moment later.
    await runner.query('CREATE TABLE audit_unsealed (entry_id uuid PRIMARY KEY)');
    await runner.query('INSERT INTO audit_unsealed SELECT id FROM audit_entries');
    await runner.query(`
CREATE FUNCTION queue_for_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_unsealed (entry_id) VALUES (NEW.id);
  RETURN NULL;
END $$`);
    await runner.query(`
CREATE TRIGGER audit_entries_queued AFTER INSERT ON audit_entries
  FOR EACH ROW EXECUTE FUNCTION queue_for_seal()`);
    await runner.query(`
CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER audit_entries_queued ON audit_entries');
    await runner.query('DROP FUNCTION queue_for_seal()');
    await runner.query('DROP TABLE audit_unsealed, audit_seals');
  }
}
