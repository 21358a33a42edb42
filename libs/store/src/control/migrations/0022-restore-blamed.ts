// A person may ask for more than policy restores: what everybody did whom the alert blames.
import type { MigrationInterface, QueryRunner } from 'typeorm';

const actions = (names: string): string =>
  `ALTER TABLE commands DROP CONSTRAINT commands_action_check, ADD CONSTRAINT commands_action_check CHECK (action IN (${names}))`;

const before = `'kill', 'suspend', 'release', 'restore', 'restore-container', 'undo', 'restore-container-cold', 'restore-conflicts',
  'kill-container', 'isolate', 'rejoin'`;

export class RestoreBlamed1760000000022 implements MigrationInterface {
  name = 'RestoreBlamed1760000000022';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(actions(`${before}, 'restore-blamed'`));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM commands WHERE action = 'restore-blamed'`);
    await runner.query(actions(before));
  }
}
