// Lists say whether an attack is over: of its processes, those whose end was not known when the summary was made, beside it.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class UnendedProcesses1760000000023 implements MigrationInterface {
  name = 'UnendedProcesses1760000000023';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE attack_summaries ADD COLUMN unended jsonb');
    // Summaries from before are made again, as time is left.
    await runner.query('UPDATE attack_summaries SET alert_version = 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE attack_summaries DROP COLUMN unended');
  }
}
