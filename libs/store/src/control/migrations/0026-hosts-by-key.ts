// A host is whoever has its key: a machine's id, which anybody on it can read, may stand at more than one.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class HostsByKey1760000000026 implements MigrationInterface {
  name = 'HostsByKey1760000000026';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE hosts DROP CONSTRAINT hosts_tenant_id_machine_id_key');
    await runner.query('CREATE INDEX hosts_machine ON hosts (tenant_id, machine_id)');
  }

  /** Fails while two hosts say to be the same machine: which of them to keep is for people. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX hosts_machine');
    await runner.query(
      'ALTER TABLE hosts ADD CONSTRAINT hosts_tenant_id_machine_id_key UNIQUE (tenant_id, machine_id)',
    );
  }
}
