// Until when a host may be silent without being missed, as an administrator said, and why an agent said that it goes.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class HostMaintenance1760000000031 implements MigrationInterface {
  name = 'HostMaintenance1760000000031';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE hosts ADD COLUMN maintenance_until timestamptz');
    await runner.query(`ALTER TABLE host_presence ADD COLUMN leaving text NOT NULL DEFAULT ''`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE host_presence DROP COLUMN leaving');
    await runner.query('ALTER TABLE hosts DROP COLUMN maintenance_until');
  }
}
