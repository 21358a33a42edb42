// Tells each open stream what changed. One comment every 5 s keeps the way open.
import { Injectable } from '@nestjs/common';
import { messageOf } from '@norn/base';
import type { Change } from '@norn/store';
import { type Logger, Metric, count, createLogger, observe } from '@norn/telemetry';
import type { Response } from 'express';
import type { Principal } from '../access/principal.ts';
import { Sessions } from '../access/sessions.ts';
import { ControlPlane } from '../model/control-plane.ts';
import { Changes } from './changes.port.ts';

/** So long at most a stream outlives a session that another process of the API ended. */
const heartbeatMs = 5_000;
/** A reader that takes nothing loses the stream, and connects again when it wakes. */
const unsentBytesMax = 256 * 1024;

interface Described {
  readonly id: string;
  readonly version?: number;
}

@Injectable()
export class StreamService {
  private readonly log: Logger = createLogger('api');
  private readonly streams = new Set<Response>();
  /** A change is described once, however many listen to it. */
  private readonly describing = new Map<string, Promise<Described>>();
  /** Who connects again while the server closes is sent away, to the next one. */
  private isOver = false;
  private readonly forgetGauge = observe(Metric.ApiStreams, () => this.streams.size);

  constructor(
    private readonly changes: Changes,
    private readonly control: ControlPlane,
    private readonly sessions: Sessions,
  ) {}

  /** Until the reader goes away, its session ends, or it takes nothing for long. Throws `streams_exhausted`. */
  open(asking: Principal, response: Response): void {
    // Who went away while he was being known says so no more.
    if (response.destroyed) return;
    const unsubscribe = this.changes.subscribe(asking.tenantId, (change) => {
      this.tell(asking.tenantId, change, response);
    });
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    response.write('retry: 2000\n: connected\n\n');
    if (this.isOver) response.end();
    this.streams.add(response);
    const heartbeat = setInterval(() => {
      void this.beat(asking, response);
    }, heartbeatMs);
    const forgetEnd = this.sessions.whenEnded(asking.token, () => response.end());
    response.on('close', () => {
      clearInterval(heartbeat);
      forgetEnd();
      unsubscribe();
      this.streams.delete(response);
    });
  }

  /** Ends every stream, so that the server can close. */
  onModuleDestroy(): void {
    this.forgetGauge();
    this.isOver = true;
    for (const response of this.streams) response.end();
  }

  private tell(tenantId: string, change: Change | 'missed', response: Response): void {
    if (change === 'missed') {
      write(response, 'event: missed\ndata: {}\n\n');
      return;
    }
    this.describe(tenantId, change).then(
      (data) => {
        if (response.writableLength > unsentBytesMax) this.cut(response);
        else write(response, `event: ${change.kind}\ndata: ${JSON.stringify(data)}\n\n`);
      },
      (error: unknown) => {
        this.log.warn({ error: messageOf(error) }, 'a change could not be told');
      },
    );
  }

  private cut(response: Response): void {
    count(Metric.ApiStreamsCut);
    response.destroy();
  }

  private describe(tenantId: string, change: Change): Promise<Described> {
    const key = `${tenantId} ${change.kind} ${change.id}`;
    const known = this.describing.get(key);
    if (known !== undefined) return known;
    const described = this.look(tenantId, change).finally(() => this.describing.delete(key));
    this.describing.set(key, described);
    return described;
  }

  private async look(tenantId: string, { kind, id }: Change): Promise<Described> {
    if (kind !== 'alert') return { id };
    const alert = await this.control.alert(tenantId, id);
    return alert === null ? { id } : { id, version: alert.version };
  }

  /** A session that ended meanwhile ends its stream as well. */
  private async beat({ kind, token }: Principal, response: Response): Promise<void> {
    try {
      if ((await this.sessions.principalFor(kind, token)) === null) response.end();
      else write(response, ': heartbeat\n\n');
    } catch (error) {
      this.log.warn({ error: messageOf(error) }, 'a session could not be checked; its stream stays');
    }
  }
}

/** A stream that has ended hears nothing more, though what it was to hear was being looked up. */
function write(response: Response, text: string): void {
  if (!response.writableEnded) response.write(text);
}
