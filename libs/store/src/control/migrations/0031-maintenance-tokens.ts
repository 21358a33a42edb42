// By what a host knows who may stop its agent. Here it is readable, for administrators read it out.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class MaintenanceTokens1760000000031 implements MigrationInterface {
  name = 'MaintenanceTokens1760000000031';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE hosts ADD COLUMN maintenance_token text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE hosts DROP COLUMN maintenance_token');
  }
}
