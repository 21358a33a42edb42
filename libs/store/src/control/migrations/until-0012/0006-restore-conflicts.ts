// A person may decide that files in conflict are put back all the same.
import type { MigrationInterface, QueryRunner } from 'typeorm';

const actions = (names: string): string =>
  `ALTER TABLE commands DROP CONSTRAINT commands_action_check, ADD CONSTRAINT commands_action_check CHECK (action IN (${names}))`;

const before = `'kill', 'suspend', 'release', 'restore', 'restore-container', 'undo', 'restore-container-cold'`;

export class RestoreConflicts1760000000006 implements MigrationInterface {
  name = 'RestoreConflicts1760000000006';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(actions(`${before}, 'restore-conflicts'`));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM commands WHERE action = 'restore-conflicts'`);
    await runner.query(actions(before));
  }
}
