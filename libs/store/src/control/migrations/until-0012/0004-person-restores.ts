// A person may have the whole container restored, and a restore undone; what undoes which is kept with the command.
import type { MigrationInterface, QueryRunner } from 'typeorm';

const actions = (names: string): string =>
  `ALTER TABLE commands DROP CONSTRAINT commands_action_check, ADD CONSTRAINT commands_action_check CHECK (action IN (${names}))`;

export class PersonRestores1760000000004 implements MigrationInterface {
  name = 'PersonRestores1760000000004';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(actions(`'kill', 'suspend', 'release', 'restore', 'restore-container', 'undo'`));
    await runner.query(`ALTER TABLE commands ADD COLUMN undoes text NOT NULL DEFAULT ''`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE commands DROP COLUMN undoes');
    await runner.query(actions(`'kill', 'suspend', 'release', 'restore'`));
  }
}
