// Server-sent events: what changed, by kind and id; the reader asks for the rest.
import { Controller, Get, Res } from '@nestjs/common';
import { SkipThrottle } from '@nestjs/throttler';
import type { Response } from 'express';
import { Asking, type Principal } from '../access/principal.ts';
import { Route } from '../http/route.ts';
import { StreamService } from './stream.service.ts';

@Controller('api/v1/stream')
export class StreamController {
  constructor(private readonly service: StreamService) {}

  @Get()
  @SkipThrottle()
  @Route({
    summary: 'Changes of alerts, commands and hosts as they happen',
    access: 'viewer',
    contentType: 'text/event-stream',
  })
  stream(@Asking() asking: Principal, @Res() response: Response): void {
    this.service.open(asking, response);
  }
}
