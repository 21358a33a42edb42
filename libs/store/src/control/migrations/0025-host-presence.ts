// Which hosts are connected to which ingest, since when, and what was told of those that are gone or say that nothing protects them.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class HostPresence1760000000025 implements MigrationInterface {
  name = 'HostPresence1760000000025';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE ingest_beats (
  instance uuid PRIMARY KEY,
  -- Since then it has written without a break: what it did not hear from then on was not said.
  hearing_since timestamptz NOT NULL,
  beat_at timestamptz NOT NULL
)`);
    await runner.query(`
CREATE TABLE host_presence (
  host_id text PRIMARY KEY,
  tenant_id text NOT NULL,
  instance uuid NOT NULL,
  connection uuid NOT NULL,
  arrived_at timestamptz NOT NULL,
  left_at timestamptz,
  -- Since when it says of itself that nothing protects it.
  unprotected_since timestamptz,
  -- How often Baldur ended, of this Tyr, and Tyr without a farewell, and when one of them did last.
  baldur_ends bigint,
  tyr_ends bigint,
  ended_at timestamptz,
  -- The moments that findings were made of: each is told of once.
  told_silent timestamptz,
  told_unprotected timestamptz,
  told_ended timestamptz
)`);
    await runner.query('CREATE INDEX host_presence_instance ON host_presence (instance)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE host_presence, ingest_beats');
  }
}
