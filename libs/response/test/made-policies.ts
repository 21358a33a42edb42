// Policies and events that are made up out of few words, so that they meet.
import type { SeededRandom } from '@norn/base';
import type { TestEvent } from '@norn/rules';

const paths = ['/usr/bin/java', '/usr/bin/curl', '/bin/sh', '/tmp/x', '/tmp/A*b', '/srv/a\\b', '/opt/É'];
const addresses = ['10.0.0.1', '10.1.2.3', '192.0.2.7', '2001:db8::1', '/run/x.sock'];
const networks = ['10.0.0.0/8', '10.0.0.0/16', '192.0.2.0/24', '2001:db8::/32'];
const ports = ['22', '80', '443', '8080'];
const flags = ['upper-layer', 'new', 'memfd', 'setuid'];
const images = ['redis:7', 'shop/web:1.4', 'nginx'];
const hashes = ['ab'.repeat(32), 'cd'.repeat(32)];
export const madeGroups = ['web-1', 'web-2', 'db-1', 'databases'];

const values: Readonly<Record<string, readonly string[]>> = {
  Image: paths,
  ParentImage: paths,
  AncestorImages: paths,
  sha256: hashes,
  Container: ['c1', 'c2'],
  ContainerImage: images,
  PodNamespace: ['prod', 'dev'],
  PodLabels: ['app=web', 'tier=front'],
  UserId: ['0', '33', '1000'],
  ImageFlags: flags,
  DestinationIp: addresses,
  DestinationPort: ports,
  SourcePort: ports,
  Protocol: ['tcp', 'udp'],
  Initiated: ['true', 'false'],
  CommandLine: ['sh -c id', 'curl -s x', 'java -jar a.jar'],
  User: ['root', 'www-data'],
  CurrentDirectory: ['/', '/tmp'],
};
const everywhere = [
  'Image',
  'ParentImage',
  'AncestorImages',
  'Container',
  'ContainerImage',
  'PodNamespace',
  'PodLabels',
  'UserId',
  'ImageFlags',
];
const unknownToHosts = ['CommandLine', 'User', 'CurrentDirectory'];

export interface Making {
  /** Only what a host can answer. */
  readonly decidable: boolean;
}

/** JSON, which is YAML. One to six rules. */
export function madePolicy(random: SeededRandom, making: Making): string {
  const rules = Array.from({ length: 1 + random.below(6) }, (_, number) => madeRule(random, number, making));
  return JSON.stringify({ policy: 'made', rules });
}

function madeRule(random: SeededRandom, number: number, making: Making): object {
  const direction = making.decidable ? random.pick(['out', 'in']) : random.pick(['out', 'in', '']);
  const kind = random.pick(['exec', 'network', 'hash', 'drift', 'file'].slice(0, making.decidable ? 4 : 5));
  const fields = (): unknown => madeFields(random, kind === 'network' ? `network ${direction}` : kind, making);
  const mayExcept = kind !== 'hash' && random.next() < 0.4;
  return {
    name: `r${number}`,
    when: {
      [kind]: kind === 'hash' ? [random.pick(hashes)] : kind === 'drift' && random.next() < 0.5 ? true : fields(),
      ...(kind === 'network' && direction !== '' && { operations: [direction] }),
      ...(mayExcept && { not: fields() }),
    },
    subjects: madeSubjects(random, making),
    action: random.pick(['deny', 'deny', 'deny', 'allow', 'alert', 'kill', 'observe']),
    ...(random.next() < 0.2 && { observeUntil: random.pick(['2026-06-01', '2028-01-01']) }),
  };
}

function madeSubjects(random: SeededRandom, { decidable }: Making): object {
  const sometimes = (key: string, make: () => unknown): object => (random.next() < 0.15 ? { [key]: make() } : {});
  return {
    ...sometimes('hostGroup', () => random.pick(['web-*', 'databases', '*-1'])),
    ...sometimes('containerImage', () => random.pick(['redis:*', ...images])),
    ...sometimes('namespace', () => 'prod'),
    ...sometimes('user', () => (decidable ? [0, 33] : ['root', 33])),
    ...sometimes('program', () => random.pick(decidable ? paths.slice(0, -1) : paths)),
  };
}

function madeFields(random: SeededRandom, kind: string, making: Making): unknown {
  const maps = Array.from({ length: random.next() < 0.3 ? 2 : 1 }, () => {
    const entries = Array.from({ length: 1 + random.below(3) }, () => madeField(random, kind, making));
    return Object.fromEntries<unknown>(entries);
  });
  return maps.length === 1 ? maps[0] : maps;
}

function fieldNames(kind: string, { decidable }: Making): string[] {
  const names = [...everywhere, ...(decidable ? [] : unknownToHosts)];
  if (kind === 'network out') return [...names, 'DestinationIp', 'DestinationPort', 'Protocol', 'Initiated'];
  if (kind === 'network in')
    return [...names, 'SourcePort', 'Protocol', 'Initiated', ...(decidable ? [] : ['DestinationIp'])];
  if (kind === 'network ') return [...names, 'DestinationIp', 'DestinationPort', 'SourcePort', 'Protocol', 'Initiated'];
  return names;
}

function madeField(random: SeededRandom, kind: string, making: Making): [string, unknown] {
  const name = random.pick(fieldNames(kind, making));
  const chance = random.next();
  if (name === 'Initiated') return [name, chance < 0.5];
  if (name === 'DestinationIp' && chance < 0.4) return [`${name}|cidr`, random.pick(networks)];
  if (name === 'ImageFlags' && chance < 0.4) return [`${name}|all`, random.shuffled(flags).slice(0, 2)];
  if (name !== 'UserId' && chance > 0.9) return [`${name}|exists`, random.next() < 0.5];
  return !making.decidable && chance > 0.85 ? [`${name}|re`, '^[a-z/]+$'] : madeTexts(random, name, making);
}

function madeTexts(random: SeededRandom, name: string, making: Making): [string, unknown] {
  const known = values[name] ?? [''];
  const [modifier, text] = madeText(random, random.pick(known), making);
  const cased = random.next() < 0.1 ? '|cased' : '';
  const given = random.next() < 0.3 ? [text, random.pick(known)] : text;
  return [`${name}${modifier}${cased}`, making.decidable && cased === '' ? ascii(given) : given];
}

/** Without letters whose case only the pipeline knows. */
function ascii(given: string | string[]): string | string[] {
  return Array.isArray(given) ? given.map((text) => text.replace('É', 'e')) : given.replace('É', 'e');
}

function madeText(random: SeededRandom, text: string, { decidable }: Making): [string, string] {
  const half = Math.ceil(text.length / 2);
  switch (random.below(decidable ? 5 : 6)) {
    case 0:
      return ['|startswith', text.slice(0, half)];
    case 1:
      return ['|endswith', text.slice(-half)];
    case 2:
      return ['|contains', text.slice(1, 1 + half) || text];
    case 3:
      return ['', `${text.slice(0, half)}*`];
    case 4:
      return ['', text.toUpperCase()];
    default:
      return ['', random.pick(['', '*', `\\*${text}`, text])];
  }
}

/** As `buildRuleBatch` takes them: a program that starts, a connection, one that was taken. */
export function madeEvent(random: SeededRandom): TestEvent {
  const EventKind = random.pick(['exec', 'net_connect', 'net_accept']);
  const some = (name: string, chance = 0.7): TestEvent =>
    random.next() < chance ? { [name]: random.pick(values[name] ?? ['']) } : {};
  const list = (name: string): TestEvent => ({ [name]: random.shuffled(values[name] ?? []).slice(0, random.below(4)) });
  const isInContainer = random.next() < 0.5;
  return {
    EventKind,
    ...some('Image', 1),
    ...some('ParentImage'),
    ...list('AncestorImages'),
    ...list('ImageFlags'),
    ...some('sha256', 0.3),
    ...some('CommandLine'),
    ...some('User'),
    UserId: Number(random.pick(values['UserId'] ?? [])),
    ...(isInContainer
      ? { ...some('Container', 1), ...some('ContainerImage'), ...some('PodNamespace', 0.4), ...some('PodLabels', 0.4) }
      : {}),
    ...(EventKind === 'exec'
      ? {}
      : {
          ...some('DestinationIp', 1),
          ...some('Protocol', 1),
          DestinationPort: Number(random.pick(ports)),
          SourcePort: Number(random.pick(ports)),
        }),
  };
}
