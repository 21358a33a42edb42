// How often a wrong maintenance token was given to stop a host's agent, and when last.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class RefusedStops1760000000032 implements MigrationInterface {
  name = 'RefusedStops1760000000032';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE host_presence ADD COLUMN stops_refused bigint NOT NULL DEFAULT 0, ADD COLUMN refused_at timestamptz,
  ADD COLUMN told_refused timestamptz`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE host_presence DROP COLUMN stops_refused, DROP COLUMN refused_at, DROP COLUMN told_refused`);
  }
}
