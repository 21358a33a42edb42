// Every failure leaves as {code, message}: a stable code for machines, a sentence with the cure for people.
import { randomUUID } from 'node:crypto';
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, NotFoundException } from '@nestjs/common';
import { ThrottlerException } from '@nestjs/throttler';
import { NornError, messageOf } from '@norn/base';
import { type Logger, Metric, count, createLogger } from '@norn/telemetry';
import { isControlStoreAway, isControlStoreFull } from '@norn/store';
import type { Response } from 'express';
import { ZodError } from 'zod';

/** The registry of codes this service answers with. */
export const problemStatus: Readonly<Record<string, number>> = {
  input_invalid: 400,
  exception_expiry: 400,
  exception_of_reflex: 400,
  exception_too_wide: 400,
  exception_value_cut: 400,
  policy_invalid: 400,
  policy_tests_wrong: 400,
  policy_too_large: 400,
  host_groups_too_many: 409,
  host_group_unknown: 404,
  rule_invalid: 400,
  hunt_too_large: 400,
  unauthenticated: 401,
  login_link_used: 401,
  forbidden: 403,
  origin_foreign: 403,
  not_found: 404,
  alert_unknown: 404,
  host_unknown: 404,
  rule_unknown: 404,
  finding_unknown: 404,
  exception_unknown: 404,
  policy_unknown: 404,
  action_pending: 409,
  no_container: 409,
  nothing_to_undo: 409,
  maintenance_token_unset: 409,
  rules_too_many: 409,
  rule_needed: 409,
  exception_unsuited: 409,
  exceptions_too_many: 409,
  body_too_large: 413,
  too_many_requests: 429,
  streams_exhausted: 429,
  hunts_exhausted: 429,
  invitations_unavailable: 503,
  telemetry_unavailable: 503,
  control_store_unavailable: 503,
};

interface Problem {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const controlStoreAway =
  'PostgreSQL, which has hosts, alerts and people, does not answer: see in ./norn status what does not run, then ask again';

const controlStoreFull =
  'PostgreSQL, which has hosts, alerts and people, has no room: see in ./norn status whether its disk is full, make room, then ask again';

const nothingThere = 'Nothing answers to this at this address: /api/v1/openapi.json has all that does';

const log: Logger = createLogger('api');

@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    const { status, code, message } = problemOf(error);
    if (response.headersSent) response.end();
    else response.status(status).json({ code, message });
  }
}

/** What to answer; counted, and logged when it is Norn's own fault. */
export function problemOf(error: unknown): Problem {
  const problem = classify(error);
  count(Metric.ApiRefused, 1, { code: problem.code });
  return problem;
}

function classify(error: unknown): Problem {
  if (error instanceof NornError && error.code in problemStatus) {
    return { status: problemStatus[error.code] ?? 500, code: error.code, message: error.message };
  }
  if (error instanceof ZodError) {
    const problems = error.issues.map(({ path, message }) => `${path.join('.') || 'input'}: ${message}`);
    return { status: 400, code: 'input_invalid', message: `Not understood: ${problems.join('; ')}` };
  }
  if (error instanceof ThrottlerException) {
    return { status: 429, code: 'too_many_requests', message: 'Too many requests: wait a minute, then go on' };
  }
  // Nest's own message repeats the address with its query, which may hold a secret.
  if (error instanceof NotFoundException) return { status: 404, code: 'not_found', message: nothingThere };
  if (isControlStoreFull(error)) return unavailable(error, controlStoreFull);
  if (isControlStoreAway(error)) return unavailable(error, controlStoreAway);
  const status = error instanceof HttpException ? error.getStatus() : statusOf(error);
  if (status < 500) return { status, code: codeOf(status), message: messageOf(error) };
  const incident = randomUUID();
  log.error(
    { incident, error: messageOf(error), stack: error instanceof Error ? error.stack : undefined },
    'request failed',
  );
  return { status: 500, code: 'internal', message: `Something broke in Norn; the log names it as ${incident}` };
}

function unavailable(error: unknown, message: string): Problem {
  log.error({ code: 'control_store_unavailable', error: messageOf(error) }, 'PostgreSQL does not serve');
  return { status: 503, code: 'control_store_unavailable', message };
}

/** Express' body parser throws errors with a status. */
function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('status' in error)) return 500;
  return typeof error.status === 'number' ? error.status : 500;
}

function codeOf(status: number): string {
  if (status === 404) return 'not_found';
  if (status === 413) return 'body_too_large';
  if (status === 403) return 'forbidden';
  return status === 401 ? 'unauthenticated' : 'input_invalid';
}
