// A reference of how a host decides by its rules, after the words of policy.proto alone: what the compiler's output is held against. The real
// one is the agent's.
import { policy } from '@norn/contracts';
import type { TestEvent } from '@norn/rules';
import { BlockList, isIP } from 'node:net';

const { HostAction, HostEvent, HostField, HostOperator } = policy;

/** The events of the pipeline that show what a host was asked about. */
export const hostEvents: Readonly<Record<string, policy.HostEvent>> = {
  exec: HostEvent.EXEC,
  net_connect: HostEvent.CONNECT,
  net_accept: HostEvent.BIND,
};

export interface ReferenceHost {
  readonly groups: readonly string[];
  readonly timeUs: number;
}

/** The rule that decides, and what it does now; undefined: the host lets it be. */
export function referenceDecision(
  rules: readonly policy.HostRule[],
  event: TestEvent,
  { groups, timeUs }: ReferenceHost,
): { readonly name: string; readonly action: policy.HostAction } | undefined {
  const kind = hostEvents[String(event.EventKind)];
  const rule = rules.find(
    (each) =>
      each.event === kind &&
      (each.hostGroups.length === 0 ||
        groups.some((group) => each.hostGroups.some((like) => isLike(group, like, false)))) &&
      (each.any.length === 0 || each.any.some(({ all }) => all.every((test) => holds(test, event)))),
  );
  if (rule === undefined) return undefined;
  const waits = rule.action === HostAction.DENY && BigInt(timeUs) < rule.actsFromUs;
  return { name: rule.name, action: waits ? HostAction.PASS : rule.action };
}

function holds({ field, operator, values, cased, negated }: policy.HostTest, event: TestEvent): boolean {
  const texts = textsOf(field, event).filter((text) => text !== '');
  const matches = (text: string): boolean => {
    if (operator === HostOperator.EXISTS) return true;
    if (operator === HostOperator.CIDR) return values.some((network) => isWithin(text, network));
    return values.some((value) => isLike(text, value, cased));
  };
  return texts.some(matches) !== negated;
}

const sameName: Partial<Record<policy.HostField, string>> = {
  [HostField.IMAGE]: 'Image',
  [HostField.SHA256]: 'sha256',
  [HostField.CONTAINER]: 'Container',
  [HostField.CONTAINER_IMAGE]: 'ContainerImage',
  [HostField.POD_NAMESPACE]: 'PodNamespace',
  [HostField.POD_LABELS]: 'PodLabels',
  [HostField.IMAGE_FLAGS]: 'ImageFlags',
  [HostField.DESTINATION_IP]: 'DestinationIp',
  [HostField.PROTOCOL]: 'Protocol',
};

function textsOf(field: policy.HostField, event: TestEvent): string[] {
  const of = (name: string): string[] => [event[name] ?? []].flat().map(String);
  const above = [...of('ParentImage'), ...of('AncestorImages')];
  switch (field) {
    case HostField.PARENT_IMAGE:
      return above.slice(0, 1);
    case HostField.ANCESTOR_IMAGES:
      return above;
    case HostField.USER_ID:
      return [String(event.UserId ?? 0)];
    case HostField.DESTINATION_PORT:
      return [String(event[event.EventKind === 'net_accept' ? 'SourcePort' : 'DestinationPort'] ?? 0)];
    default:
      return of(sameName[field] ?? 'no such field');
  }
}

function isWithin(text: string, network: string): boolean {
  const [address = '', bits] = network.split('/');
  const list = new BlockList();
  list.addSubnet(address, Number(bits), isIP(address) === 4 ? 'ipv4' : 'ipv6');
  const version = isIP(text);
  return version !== 0 && list.check(text, version === 4 ? 'ipv4' : 'ipv6');
}

function isLike(text: string, pattern: string, cased: boolean): boolean {
  const written = pattern.replace(/\\([*?\\])|\*|\?|[^]/gu, (piece, escaped: string | undefined) => {
    if (piece === '*') return '[^]*';
    if (piece === '?') return '[^]';
    return (escaped ?? piece).replace(/[$()*+.?[\\\]^{|}/]/g, '\\$&');
  });
  const lower = (given: string): string => given.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return cased ? new RegExp(`^${written}$`, 'u').test(text) : new RegExp(`^${lower(written)}$`, 'u').test(lower(text));
}
