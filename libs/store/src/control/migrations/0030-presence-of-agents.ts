// Which run of its agent a host is heard by, why that said that it goes, and until when the host may be silent without being missed.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class PresenceOfAgents1760000000030 implements MigrationInterface {
  name = 'PresenceOfAgents1760000000030';

  async up(runner: QueryRunner): Promise<void> {
    // Another run that neither follows the one before in order nor says that it was ended is another agent with the same key.
    await runner.query(`
ALTER TABLE host_presence ADD COLUMN run text, ADD COLUMN replaced_at timestamptz, ADD COLUMN told_replaced timestamptz,
  ADD COLUMN leaving text NOT NULL DEFAULT ''`);
    await runner.query('ALTER TABLE hosts ADD COLUMN maintenance_until timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE hosts DROP COLUMN maintenance_until');
    await runner.query(`
ALTER TABLE host_presence DROP COLUMN run, DROP COLUMN replaced_at, DROP COLUMN told_replaced, DROP COLUMN leaving`);
  }
}
