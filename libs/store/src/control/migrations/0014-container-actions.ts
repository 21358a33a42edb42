// A person may end a whole container, and take it off the network until it is let back.
import type { MigrationInterface, QueryRunner } from 'typeorm';

const actions = (names: string): string =>
  `ALTER TABLE commands DROP CONSTRAINT commands_action_check, ADD CONSTRAINT commands_action_check CHECK (action IN (${names}))`;

const before = `'kill', 'suspend', 'release', 'restore', 'restore-container', 'undo', 'restore-container-cold', 'restore-conflicts'`;
const added = `'kill-container', 'isolate', 'rejoin'`;

export class ContainerActions1760000000014 implements MigrationInterface {
  name = 'ContainerActions1760000000014';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(actions(`${before}, ${added}`));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM commands WHERE action IN (${added})`);
    await runner.query(actions(before));
  }
}
