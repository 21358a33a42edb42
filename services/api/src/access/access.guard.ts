// Lets a request through when its session or token is valid and its role reaches the route's; a route without facts is closed.
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { NornError } from '@norn/base';
import { parseCookie } from 'cookie';
import type { Request } from 'express';
import { ROUTE_FACTS, type RouteFacts } from '../http/route.ts';
import { roleReaches } from './roles.ts';
import { type Principal, rememberPrincipal } from './principal.ts';
import { Refusals } from './refusals.ts';
import { Sessions, sessionCookie } from './sessions.ts';

/** Of a path, as the trail has it. */
const pathCharactersMax = 200;

@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly sessions: Sessions,
    private readonly refusals: Refusals,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const facts = this.reflector.get<RouteFacts | undefined>(ROUTE_FACTS, context.getHandler());
    if (facts === undefined) throw new NornError('forbidden', 'This route says nothing of who may use it');
    if (facts.access === 'public') return true;
    const request = context.switchToHttp().getRequest<Request>();
    const principal = await this.authenticate(request);
    if (!roleReaches(principal.role, facts.access)) {
      await this.tell(request, principal, { needs: facts.access, role: principal.role });
      throw new NornError(
        'forbidden',
        `This needs the role ${facts.access}, and you are ${principal.role}: ask an administrator of your tenant`,
      );
    }
    rememberPrincipal(request, principal);
    return true;
  }

  private async authenticate(request: Request): Promise<Principal> {
    const bearer = /^Bearer ([\w.~+/=-]{16,512})$/.exec(request.headers.authorization ?? '')?.[1];
    const cookie = cookieOf(request, sessionCookie);
    const principal =
      bearer !== undefined
        ? await this.sessions.principalFor('api', bearer)
        : cookie !== undefined
          ? await this.sessions.principalFor('session', cookie)
          : null;
    if (principal === null) {
      if (request.headers.authorization !== undefined) await this.refusals.tellToken(request.ip ?? '');
      throw new NornError(
        'unauthenticated',
        'Sign in with the one-time link of `./norn login`, or send a bearer token',
      );
    }
    const foreign = principal.kind === 'session' ? foreignOrigin(request) : undefined;
    if (foreign === undefined) return principal;
    await this.tell(request, principal, { origin: foreign });
    throw originForeign(foreign);
  }

  private tell(request: Request, { tenantId, userName }: Principal, details: Record<string, string>): Promise<void> {
    const subject = `${request.method} ${request.path.slice(0, pathCharactersMax)}`;
    return this.refusals.tell({ tenantId, actor: userName, action: 'request.refused', subject, details });
  }
}

/** What `foreignOrigin` says of a request that does not tell which page sent it. */
const unknownPage = 'unknown';

/**
 * Which other page asks for a change; undefined when the console does, or nobody does. A cookie travels by itself, so it says nothing of who asks.
 * Browsers name the page in Origin or, when that is missing, say in Sec-Fetch-Site that it is of the same origin. What does neither is no console.
 */
export function foreignOrigin({ method, headers }: Request): string | undefined {
  const { origin, host } = headers;
  if (method === 'GET' || method === 'HEAD') return undefined;
  if (origin === undefined) return headers['sec-fetch-site'] === 'same-origin' ? undefined : unknownPage;
  const isOwn = URL.canParse(origin) && new URL(origin).host === host;
  return isOwn ? undefined : origin.slice(0, 100);
}

export function originForeign(origin: string): NornError {
  const who = origin === unknownPage ? 'A request that does not say which page it is of' : `A page of ${origin}`;
  return new NornError('origin_foreign', `${who} may not act here: open the console itself, or send a bearer token`);
}

function cookieOf(request: Request, name: string): string | undefined {
  const value = parseCookie(request.headers.cookie ?? '')[name] ?? '';
  return /^[\w-]{16,512}$/.test(value) ? value : undefined;
}
