// One decorator says all of a route: what it is for, what it takes, what it gives, who may. OpenAPI, the guard and the tests read it.
import { type DescMessage, type MessageInitShape, type MessageShape, create, toJson } from '@bufbuild/protobuf';
import { SetMetadata } from '@nestjs/common';
import type { Role } from '@norn/store';
import type { z } from 'zod';

export interface RouteFacts {
  readonly summary: string;
  /** The least role; `public` needs no session. */
  readonly access: Role | 'public';
  /** The message of the answer; absent for streams and pages. */
  readonly answers?: DescMessage;
  /** What it answers when that is no message of view/v1. */
  readonly contentType?: string;
  readonly query?: z.ZodObject;
  /** JSON that it takes. */
  readonly body?: z.ZodType;
  readonly status?: number;
}

export const ROUTE_FACTS = 'norn:route';

export const Route = (facts: RouteFacts): MethodDecorator => SetMetadata(ROUTE_FACTS, facts);

/** A message as the JSON of the API: every field present, names in camelCase. */
export function emit<Desc extends DescMessage>(schema: Desc, message: MessageInitShape<Desc>): object {
  const whole: MessageShape<Desc> = create(schema, message);
  return toJson(schema, whole, { alwaysEmitImplicit: true }) as object;
}
