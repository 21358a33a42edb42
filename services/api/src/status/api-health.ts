// Whether the API can do its work: the control plane answers; without stored events it goes on, with less to show.
import { Injectable } from '@nestjs/common';
import { messageOf } from '@norn/base';
import type { HealthReport } from '@norn/stage';
import { DataSource } from 'typeorm';

@Injectable()
export class ApiHealth {
  constructor(private readonly database: DataSource) {}

  /** The shortest SQL that the database must answer itself. */
  async report(): Promise<HealthReport> {
    const problem = await this.database.query('SELECT 1').then(
      () => '',
      (error: unknown) => `PostgreSQL, which has hosts, alerts and people, does not answer (${messageOf(error)})`,
    );
    const healthy = problem === '';
    return { healthy, details: { controlPlane: healthy, ...(healthy ? {} : { problem }) } };
  }
}
