// What was sent on this connection and not acked yet, in order of seq; kept to be sent again after a throttle.
import type { agent } from '@norn/contracts';
import { limits } from '../limits.ts';

export interface SentMessage {
  readonly seq: bigint;
  /** In the spool; 0 for facts, which are not spooled. */
  readonly position: number;
  readonly bytes: number;
  readonly message: agent.ConnectRequest['message'];
}

export class Window {
  private sent: SentMessage[] = [];
  private bytes = 0;
  private nextSeq = 1n;

  hasRoom(): boolean {
    return this.bytes < limits.windowBytesMax && this.sent.length < limits.windowMessagesMax;
  }

  get size(): number {
    return this.sent.length;
  }

  add(message: SentMessage['message'], { position, bytes }: Pick<SentMessage, 'position' | 'bytes'>): SentMessage {
    const sent = { seq: this.nextSeq++, position, bytes, message };
    this.sent.push(sent);
    this.bytes += bytes;
    return sent;
  }

  /** Takes out what is acked; returns the newest spool position among it, 0 when there is none. */
  ack(seq: bigint): number {
    let position = 0;
    let acked = 0;
    for (const message of this.sent) {
      if (message.seq > seq) break;
      position = Math.max(position, message.position);
      this.bytes -= message.bytes;
      acked++;
    }
    if (acked > 0) this.sent = this.sent.slice(acked);
    return position;
  }

  /** To be sent again, under the same seqs. */
  from(seq: bigint): readonly SentMessage[] {
    return this.sent.filter((message) => message.seq >= seq);
  }
}
