// Whose requests are counted together: those of an address, and on this machine those of a user, so that nobody uses up what another may ask.
import type { Socket } from 'node:net';
import { type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { ThrottlerGuard, type ThrottlerLimitDetail } from '@nestjs/throttler';
import { LoopbackUsers } from '@norn/base/port-holder';
import type { Request } from 'express';

const loopback: ReadonlySet<string | undefined> = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

const ASKED_OVER_BOUND = 'norn:asked-over-bound';

/** Over its bound the route is asked all the same, and refuses by `isOverBound` what it does not grant. */
export const AskedOverBound = (): MethodDecorator => SetMetadata(ASKED_OVER_BOUND, true);

const overBound = new WeakSet<Request>();

/** Whether the caller asks the route, which is `AskedOverBound`, more often than it may. */
export function isOverBound(request: Request): boolean {
  return overBound.has(request);
}

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

  protected override async throwThrottlingException(
    context: ExecutionContext,
    detail: ThrottlerLimitDetail,
  ): Promise<void> {
    const isAsked = this.reflector.get<true | undefined>(ASKED_OVER_BOUND, context.getHandler()) === true;
    if (isAsked) overBound.add(context.switchToHttp().getRequest<Request>());
    else await super.throwThrottlingException(context, detail);
  }
}
