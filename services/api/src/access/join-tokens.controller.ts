// Secrets that let new hosts in.
import { Body, Controller, Post } from '@nestjs/common';
import { view } from '@norn/contracts';
import { Parsed } from '../http/bounds.ts';
import { type JoinTokenBody, joinTokenBody } from './access.request.ts';
import { Route, emit } from '../http/route.ts';
import { Invitations } from './invitations.ts';
import { Asking, type Principal } from './principal.ts';

@Controller('api/v1/join-tokens')
export class JoinTokensController {
  constructor(private readonly invitations: Invitations) {}

  @Post()
  @Route({
    summary: 'Makes an invitation that lets new hosts in, shown once',
    access: 'admin',
    answers: view.JoinTokenViewSchema,
    body: joinTokenBody,
    status: 201,
  })
  async invite(@Asking() asking: Principal, @Body(new Parsed(joinTokenBody)) body: JoinTokenBody): Promise<object> {
    return emit(view.JoinTokenViewSchema, await this.invitations.invite(asking, body));
  }
}
