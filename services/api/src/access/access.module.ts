// Who may ask, and how often: the guards of every route, signing in, and invitations of hosts.
import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { limits } from '../http/bounds.ts';
import { AccessGuard } from './access.guard.ts';
import { CallerThrottler } from './caller-throttler.ts';
import { Invitations } from './invitations.ts';
import { JoinTokensController } from './join-tokens.controller.ts';
import { Refusals } from './refusals.ts';
import { SessionController } from './session.controller.ts';
import { Sessions } from './sessions.ts';

@Module({
  imports: [ThrottlerModule.forRoot([{ ttl: 60_000, limit: limits.requestsPerMinuteMax }])],
  controllers: [SessionController, JoinTokensController],
  providers: [
    // In this order: who asks too often is not looked up.
    { provide: APP_GUARD, useClass: CallerThrottler },
    { provide: APP_GUARD, useClass: AccessGuard },
    Sessions,
    Refusals,
    Invitations,
  ],
  exports: [Sessions],
})
export class AccessModule {}
