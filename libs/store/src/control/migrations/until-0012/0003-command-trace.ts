// A command belongs to the trace of what asked for it: the alert when policy did, the request when a person did.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CommandTrace1760000000003 implements MigrationInterface {
  name = 'CommandTrace1760000000003';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE commands ADD COLUMN traceparent text NOT NULL DEFAULT ''`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE commands DROP COLUMN traceparent');
  }
}
