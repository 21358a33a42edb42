// Whose requests are counted together: those of an address, and on this machine those of a user, so that nobody uses up what another may ask.
import type { Socket } from 'node:net';
import { Injectable } from '@nestjs/common';
import { ThrottlerGuard } from '@nestjs/throttler';
import { LoopbackUsers } from '@norn/base/port-holder';
import type { Request } from 'express';

const loopback: ReadonlySet<string | undefined> = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

@Injectable()
export class CallerThrottler extends ThrottlerGuard {
  private readonly users = new LoopbackUsers();
  /** Found out once a connection. */
  private readonly callers = new WeakMap<Socket, Promise<string>>();

  protected override getTracker(request: Request): Promise<string> {
    const { socket } = request;
    if (!loopback.has(socket.remoteAddress)) return super.getTracker(request);
    const caller = this.callers.get(socket) ?? this.users.userOf(socket).then((user) => `user ${user ?? 'unknown'}`);
    this.callers.set(socket, caller);
    return caller;
  }
}
