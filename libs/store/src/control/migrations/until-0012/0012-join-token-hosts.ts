// A join token may let in several hosts: the nodes of a cluster share one.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class JoinTokenHosts1760000000012 implements MigrationInterface {
  name = 'JoinTokenHosts1760000000012';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
ALTER TABLE access_tokens
  ADD COLUMN uses_max integer NOT NULL DEFAULT 1 CHECK (uses_max > 0),
  ADD COLUMN uses integer NOT NULL DEFAULT 0;
UPDATE access_tokens SET uses = 1 WHERE used_at IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE access_tokens DROP COLUMN uses_max, DROP COLUMN uses');
  }
}
