// Hears PostgreSQL's notices on a connection of its own, and connects again when it is lost.
import { createLogger } from '@norn/telemetry';
import { messageOf } from '@norn/base';
import { Client } from 'pg';
import { withPassword, type ControlStoreConfig } from './data-source.ts';

export interface Listener {
  close(): Promise<void>;
}

const RECONNECT_MS = 1_000;

/** Calls `onNotice` for each notice of the channel, and once with '' after each (re)connect: what was missed is looked up, not lost. */
export async function listenTo(
  config: ControlStoreConfig,
  channel: string,
  onNotice: (payload: string) => void,
): Promise<Listener> {
  const listener = new ReconnectingListener(config, channel, onNotice);
  await listener.connect();
  return listener;
}

class ReconnectingListener implements Listener {
  private client: Client | undefined;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;
  private readonly logger = createLogger('store');

  constructor(
    private readonly config: ControlStoreConfig,
    private readonly channel: string,
    private readonly onNotice: (payload: string) => void,
  ) {}

  async connect(): Promise<void> {
    const client = new Client({ connectionString: withPassword(this.config) });
    this.client = client;
    client.on('notification', ({ payload }) => {
      this.onNotice(payload ?? '');
    });
    client.on('error', (error) => {
      this.later(messageOf(error));
    });
    client.on('end', () => {
      this.later('the connection ended');
    });
    await client.connect();
    await client.query(`LISTEN ${client.escapeIdentifier(this.channel)}`);
    this.onNotice('');
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.client?.end();
  }

  private later(reason: string): void {
    if (this.closed || this.timer) return;
    this.logger.warn(
      { code: 'listen_lost', channel: this.channel },
      `Listening again in ${RECONNECT_MS} ms: ${reason}`,
    );
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.connect().catch((error: unknown) => {
        this.later(messageOf(error));
      });
    }, RECONNECT_MS);
  }
}
