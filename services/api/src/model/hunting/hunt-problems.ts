// What ClickHouse says of a hunt that it can not run, as what a person can do about it.
import { NornError, messageOf } from '@norn/base';

/** The error to be told of: `rule_invalid` or `hunt_too_large` where the rule or its time is the cause, else what came. */
export function huntProblem(error: unknown): unknown {
  const cause = rootOf(error);
  switch (typeOf(cause)) {
    case 'CANNOT_COMPILE_REGEXP':
      return new NornError(
        'rule_invalid',
        `A regular expression of the rule is none of ClickHouse's (${messageOf(cause)}): write it without what RE2 does not know`,
        { cause: error },
      );
    case 'TIMEOUT_EXCEEDED':
    case 'TOO_SLOW':
    case 'MEMORY_LIMIT_EXCEEDED':
      return new NornError(
        'hunt_too_large',
        `The hunt took more time or memory than it may (${messageOf(cause)}): let it begin later, as with "since": "1d", or give "until"`,
        { cause: error },
      );
    default:
      return error;
  }
}

function rootOf(error: unknown): unknown {
  let root = error;
  while (root instanceof Error && root.cause !== undefined) root = root.cause;
  return root;
}

/** ClickHouse's name of an error. */
function typeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'type' in error ? String(error.type) : '';
}
