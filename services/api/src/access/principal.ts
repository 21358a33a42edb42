// Who asks: taken from the session or the bearer token alone, never from the address or a body.
import { type ExecutionContext, createParamDecorator } from '@nestjs/common';
import { NornError } from '@norn/base';
import type { Role } from '@norn/store';
import type { Request } from 'express';

export interface Principal {
  readonly tenantId: string;
  readonly userId: string;
  readonly userName: string;
  readonly role: Role;
  readonly expiresAt: Date;
  readonly token: string;
  readonly kind: 'session' | 'api';
}

const principals = new WeakMap<object, Principal>();

export function rememberPrincipal(request: Request, principal: Principal): void {
  principals.set(request, principal);
}

export function principalOf(request: Request): Principal {
  const principal = principals.get(request);
  if (principal === undefined) {
    throw new NornError('unauthenticated', 'Sign in with the one-time link of `./norn login`, or send a bearer token');
  }
  return principal;
}

/** Undefined until the session or token of the request is known to be valid. */
export function tenantOf(request: Request): string | undefined {
  return principals.get(request)?.tenantId;
}

/** The asking person, as a controller's argument. */
export const Asking = createParamDecorator((_: unknown, context: ExecutionContext) =>
  principalOf(context.switchToHttp().getRequest<Request>()),
);
