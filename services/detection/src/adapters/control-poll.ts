// Follows something in the control plane: read at the start, and again when it changed. While that is away the last known goes on: no batch waits for it.
import { messageOf } from '@norn/base';
import { type ControlStoreConfig, createControlStore } from '@norn/store';
import { createLogger } from '@norn/telemetry';

/** A change is in force after at most this time, ms. */
const REFRESH_MS = 5_000;
/** The store's start holds one connection while it migrates by another. */
const POOL_MAX = 2;

export type ControlStore = Awaited<ReturnType<typeof createControlStore>>;

export interface Followed {
  /** For people, and the code of its absence: "Tenants' rules", "brought_rules_away". */
  readonly name: string;
  readonly awayCode: string;
  /** Changes whenever `read` would give something else. */
  mark(source: ControlStore): Promise<string>;
  read(source: ControlStore): Promise<void>;
}

export class ControlPoll {
  private readonly log = createLogger('detection');
  private source: ControlStore | undefined;
  private mark: string | undefined;
  private away = false;
  private timer: NodeJS.Timeout | undefined;
  private refreshing: Promise<void> = Promise.resolve();

  constructor(
    private readonly config: ControlStoreConfig,
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
    await this.source?.destroy();
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
    this.source ??= await createControlStore({ ...this.config, poolMax: POOL_MAX });
    const mark = await this.followed.mark(this.source);
    if (mark === this.mark) return;
    await this.followed.read(this.source);
    this.mark = mark;
  }
}
