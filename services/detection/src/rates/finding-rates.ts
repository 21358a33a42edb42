// How often each rule found something on each host in the current hour of event time. It follows from the log: read back like correlations are.
import { finding } from '@norn/contracts';
import { isDenied } from '@norn/response';
import { Metric, count } from '@norn/telemetry';
import { limits } from '../limits.ts';

interface Hour {
  /** Hours since 1970. */
  readonly number: bigint;
  found: number;
  /** Ids of the last ones: what happens over and over is one finding. */
  readonly recent: Set<string>;
}

export class FindingRates {
  /** By `tenant:host`, then by rule; both in the order of their last finding. */
  private readonly hosts = new Map<string, Map<string, Hour>>();

  get hostCount(): number {
    return this.hosts.size;
  }

  /** Forgets the hosts of a partition whose batches will be read back. */
  forget(belongs: (hostKey: string) => boolean): void {
    for (const key of this.hosts.keys()) if (belongs(key)) this.hosts.delete(key);
  }

  /** Counts it; true when its rule has found more than its share. Never of a reflex: the agent has acted on it. What it denied may be tried for ever. */
  isOverLimit(hostKey: string, each: finding.Finding): boolean {
    const { ruleId, source, id, timeUs } = each;
    if (source === finding.FindingSource.REFLEX && !isDenied(each)) return false;
    const rules = moved(this.hosts, hostKey) ?? new Map<string, Hour>();
    keep(this.hosts, { key: hostKey, value: rules, max: limits.hostsMax, reason: 'hosts' });
    const number = timeUs / limits.rates.hourUs;
    const known = moved(rules, ruleId);
    const hour = known && isOf(known, number) ? known : { number, found: 0, recent: new Set<string>() };
    keep(rules, { key: ruleId, value: hour, max: limits.rates.rulesPerHostMax, reason: 'rules' });
    note(hour, id);
    return hour.found > limits.rates.findingsPerHourMax;
  }
}

/** What comes late counts in the hour that runs; a clock that was set back by more begins anew. */
function isOf(hour: Hour, number: bigint): boolean {
  return number === hour.number || number === hour.number - 1n;
}

function note(hour: Hour, id: string): void {
  if (hour.recent.delete(id)) hour.found -= 1;
  hour.recent.add(id);
  hour.found += 1;
  if (hour.recent.size <= limits.rates.recentMax) return;
  const [oldest = ''] = hour.recent;
  hour.recent.delete(oldest);
}

/** Takes an entry out, so that it can be put back as the newest. */
function moved<Value>(map: Map<string, Value>, key: string): Value | undefined {
  const value = map.get(key);
  map.delete(key);
  return value;
}

interface Entry<Value> {
  readonly key: string;
  readonly value: Value;
  readonly max: number;
  readonly reason: string;
}

function keep<Value>(map: Map<string, Value>, { key, value, max, reason }: Entry<Value>): void {
  map.set(key, value);
  if (map.size <= max) return;
  const [oldest = ''] = map.keys();
  map.delete(oldest);
  count(Metric.FindingRatesForgotten, 1, { reason });
}
