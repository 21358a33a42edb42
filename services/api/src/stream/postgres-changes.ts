// Changes as PostgreSQL tells them on `norn_changes`: one listening connection for all streams of this process.
import { NornError, messageOf } from '@norn/base';
import { CHANGES_CHANNEL, type ControlStoreConfig, type Listener, listenTo, parseChange } from '@norn/store';
import { type Logger, createLogger } from '@norn/telemetry';
import { limits } from '../http/bounds.ts';
import { type ChangeListener, Changes } from './changes.port.ts';

export class PostgresChanges extends Changes {
  private readonly listeners = new Map<string, Set<ChangeListener>>();
  private readonly log: Logger = createLogger('api');
  private listening: Listener | undefined;

  constructor(private readonly config: ControlStoreConfig) {
    super();
  }

  async open(): Promise<void> {
    this.listening = await listenTo(this.config, CHANGES_CHANNEL, (payload) => {
      this.deliver(payload);
    });
  }

  subscribe(tenantId: string, listener: ChangeListener): () => void {
    const listeners = this.listeners.get(tenantId) ?? new Set();
    if (listeners.size >= limits.streamsPerTenantMax) {
      throw new NornError(
        'streams_exhausted',
        `Your tenant has ${limits.streamsPerTenantMax} open streams: close some consoles`,
      );
    }
    this.listeners.set(tenantId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.listeners.delete(tenantId);
    };
  }

  async close(): Promise<void> {
    this.listeners.clear();
    await this.listening?.close();
  }

  /** An empty notice says that some may have been missed. */
  private deliver(payload: string): void {
    if (payload === '') {
      for (const listeners of this.listeners.values()) for (const listener of listeners) listener('missed');
      return;
    }
    try {
      const change = parseChange(payload);
      for (const listener of this.listeners.get(change.tenantId) ?? []) listener(change);
    } catch (error) {
      this.log.warn({ error: messageOf(error) }, 'a notice of change was not understood');
    }
  }
}
