// An invitation may name a group of hosts: who joins by it is in that group from its first moment on.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class InvitedGroups1760000000029 implements MigrationInterface {
  name = 'InvitedGroups1760000000029';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE access_tokens ADD COLUMN host_group text NOT NULL DEFAULT ''`);
    await runner.query(`ALTER TABLE hosts ADD COLUMN joined_group text NOT NULL DEFAULT ''`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE hosts DROP COLUMN joined_group');
    await runner.query('ALTER TABLE access_tokens DROP COLUMN host_group');
  }
}
