// What may be done about an alert is told by one table in the code: a further action needs no change here.
import type { MigrationInterface, QueryRunner } from 'typeorm';

const before = `'kill', 'suspend', 'release', 'restore', 'restore-container', 'undo', 'restore-container-cold', 'restore-conflicts',
  'kill-container', 'isolate', 'rejoin', 'restore-blamed'`;

export class ActionNames1760000000024 implements MigrationInterface {
  name = 'ActionNames1760000000024';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE commands DROP CONSTRAINT commands_action_check');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM commands WHERE action NOT IN (${before})`);
    await runner.query(`ALTER TABLE commands ADD CONSTRAINT commands_action_check CHECK (action IN (${before}))`);
  }
}
