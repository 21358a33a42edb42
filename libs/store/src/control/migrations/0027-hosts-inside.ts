// What a host is, a machine or one container, is said when it enrols: a machine must not become a container, which may go without a word.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class HostsInside1760000000027 implements MigrationInterface {
  name = 'HostsInside1760000000027';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE hosts ADD COLUMN inside boolean NOT NULL DEFAULT false');
    await runner.query(`UPDATE hosts SET inside = true WHERE coalesce(facts ->> 'containerId', '') <> ''`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE hosts DROP COLUMN inside');
  }
}
