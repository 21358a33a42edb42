// Follows something in the control plane: read at the start, and again when it changed. While that is away the last known goes on: no batch waits for it.
import { messageOf } from '@norn/base';
import { createLogger } from '@norn/telemetry';
import type { DataSource } from 'typeorm';
import type { ControlPlane } from './control-plane.ts';

/** A change is in force after at most this time, ms. */
const REFRESH_MS = 5_000;

export interface Followed {
  /** For people, and the code of its absence: "Tenants' rules", "brought_rules_away". */
  readonly name: string;
  readonly awayCode: string;
  /** Changes whenever `read` would give something else. */
  mark(source: DataSource): Promise<string>;
  read(source: DataSource): Promise<void>;
}

export class ControlPoll {
  private readonly log = createLogger('detection');
  private mark: string | undefined;
  private away = false;
  private timer: NodeJS.Timeout | undefined;
  private refreshing: Promise<void> = Promise.resolve();

  constructor(
    private readonly control: Pick<ControlPlane, 'source'>,
    private readonly followed: Followed,
  ) {}

  /** Resolves when it was read, or the control plane is found to be away. */
  async open(): Promise<void> {
    await this.refreshOrTell();
    this.timer = setInterval(() => {
      this.refreshing = this.refreshing.then(() => this.refreshOrTell());
    }, REFRESH_MS);
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.refreshing;
  }

  private async refreshOrTell(): Promise<void> {
    const { name, awayCode } = this.followed;
    try {
      await this.refresh();
      this.away = false;
    } catch (error) {
      if (!this.away) this.log.warn({ code: awayCode }, `${name} stay as they are: ${messageOf(error)}`);
      this.away = true;
    }
  }

  private async refresh(): Promise<void> {
    const source = await this.control.source();
    const mark = await this.followed.mark(source);
    if (mark === this.mark) return;
    await this.followed.read(source);
    this.mark = mark;
  }
}
