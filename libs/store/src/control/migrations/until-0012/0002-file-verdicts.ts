// What became of each file of an alert: counts stay right when a restore is repeated or an outcome arrives twice.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class FileVerdicts1760000000002 implements MigrationInterface {
  name = 'FileVerdicts1760000000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE file_verdicts (
        alert_id text NOT NULL REFERENCES alert_handlings (id) ON DELETE CASCADE,
        file_hash bytea NOT NULL,
        verdict smallint NOT NULL,
        PRIMARY KEY (alert_id, file_hash)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE file_verdicts');
  }
}
