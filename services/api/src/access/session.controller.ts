// Signing in by a one-time link, who one is, and signing out.
import { Controller, Get, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { Throttle } from '@nestjs/throttler';
import { NornError } from '@norn/base';
import { view } from '@norn/contracts';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import { ConsoleFiles } from '../http/console-files.ts';
import { ApiConfig } from '../api.config.ts';
import { Parsed, limits } from '../http/bounds.ts';
import { loginQuery } from './access.request.ts';
import { Route, emit } from '../http/route.ts';
import { Asking, type Principal } from './principal.ts';
import { Sessions, sessionCookie, sessionTtlMs } from './sessions.ts';

/** A page of our own asks for the console, so that the browser sends the strict cookie that was just set. */
const welcomePage =
  '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/"><title>Norn</title><a href="/">Go on to the console</a></html>';

@Controller()
export class SessionController {
  constructor(
    private readonly sessions: Sessions,
    private readonly consoleFiles: ConsoleFiles,
    private readonly config: ApiConfig,
  ) {}

  @Get('login')
  @Throttle({ default: { limit: limits.loginsPerMinuteMax, ttl: 60_000 } })
  @Route({
    summary: 'Signs in by a one-time link; without a token, the page that explains it',
    access: 'public',
    contentType: 'text/html',
    query: loginQuery,
  })
  async login(
    @Query(new Parsed(loginQuery)) { token }: z.output<typeof loginQuery>,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    if (token === undefined) {
      this.consoleFiles.sendPage(request, response);
      return;
    }
    response.setHeader('Cache-Control', 'no-store');
    try {
      const session = await this.sessions.signIn(token, request.ip ?? '');
      response.cookie(sessionCookie, session, {
        httpOnly: true,
        sameSite: 'strict',
        secure: this.secure,
        maxAge: sessionTtlMs,
        path: '/',
      });
      response.status(200).type('html').send(welcomePage);
    } catch (error) {
      if (!(error instanceof NornError) || error.code !== 'login_link_used') throw error;
      response.redirect(303, '/login?problem=used');
    }
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
