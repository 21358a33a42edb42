// A person may have a container stopped, restored while nobody looks, and started again. How many files a restore changed is kept with it:
// one that found nothing to do is nothing to undo.
import type { MigrationInterface, QueryRunner } from 'typeorm';

const actions = (names: string): string =>
  `ALTER TABLE commands DROP CONSTRAINT commands_action_check, ADD CONSTRAINT commands_action_check CHECK (action IN (${names}))`;

const before = `'kill', 'suspend', 'release', 'restore', 'restore-container', 'undo'`;

export class ColdRestore1760000000005 implements MigrationInterface {
  name = 'ColdRestore1760000000005';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(actions(`${before}, 'restore-container-cold'`));
    await runner.query('ALTER TABLE commands ADD COLUMN files_changed integer NOT NULL DEFAULT 0');
    // Of earlier ones it is not known.
    await runner.query(`UPDATE commands SET files_changed = 1 WHERE action LIKE 'restore%' AND state = 'succeeded'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE commands DROP COLUMN files_changed');
    await runner.query(`DELETE FROM commands WHERE action = 'restore-container-cold'`);
    await runner.query(actions(before));
  }
}
