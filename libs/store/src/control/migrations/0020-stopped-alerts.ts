// An alert whose files wait for somebody or are lost is not remediated; a command tells what it made of how many files. What was there before
// is put right: alerts by their counts, and the one restore of an alert by them too.
import type { MigrationInterface, QueryRunner } from 'typeorm';

const states = (names: string): string =>
  `ALTER TABLE alert_handlings DROP CONSTRAINT alert_handlings_state_check,
   ADD CONSTRAINT alert_handlings_state_check CHECK (state IN (${names}))`;
const before = `'open', 'responding', 'remediated', 'failed', 'released', 'archived'`;

const ofOneRestore = `
UPDATE commands SET files_removed = alert.files_removed, files_unchanged = alert.files_unchanged, files_lost = alert.files_lost,
  files_conflict = alert.files_conflict
FROM alert_handlings alert
WHERE alert.id = commands.alert_id AND commands.action LIKE 'restore%' AND commands.state = 'succeeded'
  AND commands.files_changed = alert.files_restored + alert.files_removed
  AND (SELECT count(*) FROM commands other WHERE other.alert_id = commands.alert_id
    AND (other.action LIKE 'restore%' OR other.action = 'undo')) = 1`;

/** Where nothing is left, what a command did not put back was unchanged: of how many files it decided stands in its message alone. */
const ofWhole = `
UPDATE commands SET files_unchanged = greatest(0, substring(commands.message from '^[0-9]+')::integer - files_changed)
FROM alert_handlings alert
WHERE alert.id = commands.alert_id AND alert.files_lost + alert.files_conflict = 0 AND commands.action LIKE 'restore%'
  AND commands.state = 'succeeded' AND commands.files_unchanged = 0 AND commands.message ~ '^[0-9]{1,9} files in [0-9]+ ms$'`;

export class StoppedAlerts1760000000020 implements MigrationInterface {
  name = 'StoppedAlerts1760000000020';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(states(`${before}, 'stopped'`));
    await runner.query(
      `UPDATE alert_handlings SET state = 'stopped' WHERE state = 'remediated' AND files_lost + files_conflict > 0`,
    );
    await runner.query(`ALTER TABLE commands ADD COLUMN files_removed integer NOT NULL DEFAULT 0,
      ADD COLUMN files_unchanged integer NOT NULL DEFAULT 0, ADD COLUMN files_lost integer NOT NULL DEFAULT 0,
      ADD COLUMN files_conflict integer NOT NULL DEFAULT 0`);
    await runner.query(ofOneRestore);
    await runner.query(ofWhole);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`UPDATE alert_handlings SET state = 'remediated' WHERE state = 'stopped'`);
    await runner.query(states(before));
    await runner.query(`ALTER TABLE commands DROP COLUMN files_removed, DROP COLUMN files_unchanged, DROP COLUMN files_lost,
      DROP COLUMN files_conflict`);
  }
}
