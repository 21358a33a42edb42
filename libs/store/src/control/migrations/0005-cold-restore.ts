// A person may have a container stopped, restored while nobody looks, and started again.
import type { MigrationInterface, QueryRunner } from 'typeorm';

const actions = (names: string): string =>
  `ALTER TABLE commands DROP CONSTRAINT commands_action_check, ADD CONSTRAINT commands_action_check CHECK (action IN (${names}))`;

const before = `'kill', 'suspend', 'release', 'restore', 'restore-container', 'undo'`;

export class ColdRestore1760000000005 implements MigrationInterface {
  name = 'ColdRestore1760000000005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(actions(`${before}, 'restore-container-cold'`));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM commands WHERE action = 'restore-container-cold'`);
    await runner.query(actions(before));
  }
}
