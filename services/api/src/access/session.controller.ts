// Signing in by a one-time link, who one is, and signing out.
import { Body, Controller, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import { Throttle } from '@nestjs/throttler';
import { view } from '@norn/contracts';
import type { Request, Response } from 'express';
import { ApiConfig } from '../api.config.ts';
import { Parsed, limits } from '../http/bounds.ts';
import { foreignOrigin, originForeign } from './access.guard.ts';
import { type LoginBody, loginBody } from './access.request.ts';
import { AskedOverBound, isOverBound } from './caller-throttler.ts';
import { Route, emit } from '../http/route.ts';
import { Asking, type Principal } from './principal.ts';
import { Sessions, sessionCookie, sessionTtlMs } from './sessions.ts';

@Controller()
export class SessionController {
  constructor(
    private readonly sessions: Sessions,
    private readonly config: ApiConfig,
  ) {}

  @Post('api/v1/login')
  @HttpCode(204)
  @Throttle({ default: { limit: limits.loginsPerMinuteMax, ttl: 60_000 } })
  @AskedOverBound()
  @Route({ summary: 'Signs in by the token of a one-time link', access: 'public', status: 204, body: loginBody })
  async login(
    @Body(new Parsed(loginBody)) { token }: LoginBody,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    const caller = { from: request.ip ?? '', isOverBound: isOverBound(request) };
    const foreign = foreignOrigin(request);
    if (foreign !== undefined) {
      await this.sessions.tellForeign(token, caller, foreign);
      throw originForeign(foreign);
    }
    const session = await this.sessions.signIn(token, caller);
    response.cookie(sessionCookie, session, {
      httpOnly: true,
      sameSite: 'strict',
      secure: this.secure,
      maxAge: sessionTtlMs,
      path: '/',
    });
  }

  @Get('api/v1/session')
  @Route({ summary: 'Who is asking', access: 'viewer', answers: view.SessionViewSchema })
  async session(@Asking() asking: Principal): Promise<object> {
    const { userName, role, tenantId, expiresAt } = asking;
    const tenantName = await this.sessions.tenantName(tenantId);
    return emit(view.SessionViewSchema, { userName, role, tenantId, tenantName, expiresAt: expiresAt.toISOString() });
  }

  @Post('api/v1/logout')
  @HttpCode(204)
  @Route({ summary: 'Ends the session', access: 'viewer', status: 204 })
  async logout(@Asking() asking: Principal, @Res({ passthrough: true }) response: Response): Promise<void> {
    await this.sessions.signOut(asking);
    response.clearCookie(sessionCookie, { path: '/' });
  }

  private get secure(): boolean {
    return this.config.settings.publicUrl.startsWith('https:');
  }
}
