// Which run of its agent a host is heard by. Another one that neither follows it in order nor says that it was ended is another agent with the same key.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AgentRuns1760000000030 implements MigrationInterface {
  name = 'AgentRuns1760000000030';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE host_presence ADD COLUMN run text, ADD COLUMN replaced_at timestamptz, ADD COLUMN told_replaced timestamptz',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE host_presence DROP COLUMN run, DROP COLUMN replaced_at, DROP COLUMN told_replaced',
    );
  }
}
