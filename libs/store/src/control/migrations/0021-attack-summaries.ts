// What the page of an alert shows of stored events, made once and kept with it: opening an alert reads one row.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AttackSummaries1760000000021 implements MigrationInterface {
  name = 'AttackSummaries1760000000021';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE attack_summaries (
        tenant_id text NOT NULL,
        alert_id text NOT NULL REFERENCES alert_handlings (id) ON DELETE CASCADE,
        alert_version integer NOT NULL,
        made_at timestamptz NOT NULL,
        -- Made when nothing more could come.
        settled boolean NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (tenant_id, alert_id)
      )`);
    // It is compressed already.
    await runner.query('ALTER TABLE attack_summaries ALTER COLUMN body SET STORAGE EXTERNAL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE attack_summaries');
  }
}
