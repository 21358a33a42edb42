// The exceptions that tenants have made, out of the control plane.
import { ExceptionSet } from '@norn/rules';
import {
  type RuleException,
  allResolvedGroups,
  hostPoliciesMark,
  judgedExceptions,
  ruleExceptionsMark,
} from '@norn/store';
import type { DataSource } from 'typeorm';
import type { RuleExceptions } from '../ports/rule-exceptions.port.ts';
import type { ControlPlane } from './control-plane.ts';
import { ControlPoll } from './control-poll.ts';

export class PostgresRuleExceptions implements RuleExceptions {
  private readonly poll: ControlPoll;
  private sets: ReadonlyMap<string, ExceptionSet> = new Map();
  private groups: Awaited<ReturnType<typeof allResolvedGroups>> = [];

  constructor(control: ControlPlane) {
    this.poll = new ControlPoll(control, {
      name: 'Exceptions',
      awayCode: 'exceptions_away',
      // Which hosts a group is about changes with hosts and their names, too.
      mark: async (source) => `${await ruleExceptionsMark(source)} ${await hostPoliciesMark(source)}`,
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

  groupsOf(tenantId: string, hostId: string): readonly string[] {
    const holding = this.groups.filter((group) => group.tenantId === tenantId && group.hostIds.includes(hostId));
    return holding.map(({ name }) => name);
  }

  close(): Promise<void> {
    return this.poll.close();
  }

  private async read(source: DataSource): Promise<void> {
    this.groups = await allResolvedGroups(source);
    const byTenant = Map.groupBy(await judgedExceptions(source), ({ tenantId }) => tenantId);
    this.sets = new Map([...byTenant].map(([tenantId, rows]) => [tenantId, new ExceptionSet(rows.map(exceptionOf))]));
  }
}

function exceptionOf({ id, ruleId, scope, createdAt, expiresAt, removedAt }: RuleException) {
  const untilMs = Math.min(expiresAt.getTime(), removedAt?.getTime() ?? Infinity);
  const process = { package: '', ...scope.process };
  const place = { ...scope.place, hostGroup: scope.place.hostGroup ?? '' };
  return {
    id,
    ruleId,
    ...scope,
    process,
    place,
    fromUs: BigInt(createdAt.getTime()) * 1000n,
    untilUs: BigInt(untilMs) * 1000n,
  };
}
