// The exceptions that tenants have made, out of the control plane.
import { ExceptionSet } from '@norn/rules';
import { type ControlStoreConfig, type RuleException, judgedExceptions, ruleExceptionsMark } from '@norn/store';
import type { RuleExceptions } from '../ports/rule-exceptions.port.ts';
import { ControlPoll, type ControlStore } from './control-poll.ts';

export class PostgresRuleExceptions implements RuleExceptions {
  private readonly poll: ControlPoll;
  private sets: ReadonlyMap<string, ExceptionSet> = new Map();

  constructor(config: ControlStoreConfig) {
    this.poll = new ControlPoll(config, {
      name: 'Exceptions',
      awayCode: 'exceptions_away',
      mark: ruleExceptionsMark,
      read: (source) => this.read(source),
    });
  }

  /** Resolves when the exceptions are there, or the control plane is found to be away. */
  open(): Promise<void> {
    return this.poll.open();
  }

  of(tenantId: string): ExceptionSet | undefined {
    return this.sets.get(tenantId);
  }

  close(): Promise<void> {
    return this.poll.close();
  }

  private async read(source: ControlStore): Promise<void> {
    const byTenant = Map.groupBy(await judgedExceptions(source), ({ tenantId }) => tenantId);
    this.sets = new Map([...byTenant].map(([tenantId, rows]) => [tenantId, new ExceptionSet(rows.map(exceptionOf))]));
  }
}

function exceptionOf({ id, ruleId, scope, createdAt, expiresAt, removedAt }: RuleException) {
  const untilMs = Math.min(expiresAt.getTime(), removedAt?.getTime() ?? Infinity);
  return { id, ruleId, ...scope, fromUs: BigInt(createdAt.getTime()) * 1000n, untilUs: BigInt(untilMs) * 1000n };
}
