// host-report.json: what the installation has last heard this host can do, for whoever waits for that on the host itself.
import { messageOf } from '@norn/base';
import type { event } from '@norn/contracts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { writeFileAtomically } from '../write-file.ts';

const name = 'host-report.json';

const schema = z.object({
  /** ISO 8601; when the installation first acknowledged something after it was told this. */
  reportedAt: z.iso.datetime(),
  capabilities: z.array(
    z.object({
      name: z.string(),
      available: z.boolean(),
      mechanism: z.string(),
      detail: z.string(),
      verified: z.boolean(),
    }),
  ),
});

export type ToldReport = z.output<typeof schema>;

export class HostReport {
  private readonly file: string;
  private toldNow = '';
  private written = '';

  constructor(
    agentDir: string,
    private readonly logger: Logger,
  ) {
    this.file = join(agentDir, name);
  }

  told(capabilities: readonly event.Capability[]): void {
    this.toldNow = JSON.stringify(capabilities.map(shownOf));
  }

  /** Writes what is new; most of the time nothing is. */
  acked(): void {
    if (this.toldNow === this.written) return;
    this.written = this.toldNow;
    const report = `{"reportedAt":"${new Date().toISOString()}","capabilities":${this.toldNow}}`;
    try {
      writeFileAtomically(this.file, report);
    } catch (error) {
      this.logger.error({ code: 'report_not_kept', err: error }, messageOf(error));
    }
  }
}

/** Undefined while the installation has heard nothing. */
export function readHostReport(agentDir: string): ToldReport | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(join(agentDir, name), 'utf8')));
  } catch {
    return undefined; // Not there yet.
  }
}

function shownOf(capability: event.Capability): ToldReport['capabilities'][number] {
  const { available, mechanism, detail, verified } = capability;
  return { name: capability.name, available, mechanism, detail, verified };
}
