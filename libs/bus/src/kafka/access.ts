// Who may do what at the broker. It follows from the flow: each service is known by the name in its certificate, and may do what its rows say.
import { setTimeout as sleep } from 'node:timers/promises';
import { NornError } from '@norn/base';
import type { AclEntry, AclFilter, Admin } from 'kafkajs';
import type { BusConfig } from '../config.ts';
import { type Stage, type TopicName, downlink, flow, stageNames, topics } from '../flow.ts';
import { createKafka } from './kafka-client.ts';
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from './kafkajs.ts';
import { withAdmin } from './topics.ts';

/** Topics on which a stage may refuse a record, and to which `norn deadletters replay` gives it back. */
const refusable = [...new Set(flow.flatMap(({ consumes }) => consumes))].filter((name) => name !== 'facts');

/** What people's tools do at the broker: `norn record` reads what agents sent, `norn deadletters` what stages refused. */
const tools: readonly Stage[] = [
  { name: 'record', consumes: ['raw', 'facts'], produces: [] },
  { name: 'deadletters', consumes: ['deadLetter'], produces: [...refusable, 'deadLetter'] },
];

/** Makes topics and gives rights, which the broker lets nobody else do. */
const administrator = 'prepare';

const accessTimeoutMs = 30_000;
const accessPollMs = 20;

const services: readonly string[] = stageNames;

/** The names that certificates for the bus are made for: `ingest` shows one of `norn-ingest`. */
export const busIdentities: readonly string[] = [...services, ...tools.map(({ name }) => name), administrator];

export interface Right {
  readonly on: 'topic' | 'group';
  readonly name: string;
  /** All whose names begin so. */
  readonly prefix?: boolean;
  readonly to: 'read' | 'write' | 'describe' | 'delete';
}

/** Of a service or a tool. Reading and writing let see what is there, too. */
export function rightsOf(identity: string): readonly Right[] {
  const rows = [...flow, ...tools].filter((row) => serviceOf(row) === identity);
  const restored = rows.flatMap(({ restores }) => restores ?? []);
  const down = identity === downlink.stage ? downlink.consumes : [];
  const dead: readonly TopicName[] = services.includes(identity) ? ['deadLetter'] : [];
  const read = [...rows.flatMap(({ consumes }) => consumes), ...restored, ...down];
  const written = [...rows.flatMap(({ produces }) => produces), ...restored, ...dead];
  const on = (names: readonly TopicName[], to: Right['to']): Right[] =>
    [...new Set(names)].map((name) => ({ on: 'topic', name: topics[name], to }));
  const group = groupOf(`norn-${identity}`);
  return [
    ...on(read, 'read'),
    ...on(written, 'write'),
    // A stage that starts waits until all topics of the flow are there.
    ...on(Object.keys(topics) as TopicName[], 'describe'),
    { on: 'group', name: group, to: 'read' },
    { on: 'group', name: `${group}.`, prefix: true, to: 'read' },
    // Of a reader that has read: the broker need not remember it.
    { on: 'group', name: `${group}.`, prefix: true, to: 'delete' },
  ];
}

/** Under what the groups begin in which it reads: `norn-process-tree` in `norn.process-tree` and `norn.process-tree.…`. */
export function groupOf(identity: string): string {
  return identity.startsWith('norn-') ? identity.replace('-', '.') : 'norn';
}

/**
 * Gives each service and tool its rights, takes what else it had, and returns when the broker goes by them. Needs the administrator's
 * certificate. Safe to repeat. Throws `access_not_given` when the broker does not within 30 s.
 */
export async function ensureAccess(config: BusConfig): Promise<void> {
  const wanted = busIdentities.filter((identity) => identity !== administrator).flatMap(entriesOf);
  await withAdmin(createKafka(config, 'norn-access'), async (admin) => {
    const deadline = performance.now() + accessTimeoutMs;
    for (let attempt = 0; ; attempt++) {
      const { missing, surplus } = differenceOf(wanted, await presentEntries(admin));
      if (missing.length + surplus.length === 0) return;
      if (performance.now() > deadline) {
        const cure = 'see its log, or leave NORN_KAFKA_ACLS unset and give them yourself';
        throw new NornError('access_not_given', `The broker did not take ${missing.length} rights: ${cure}`);
      }
      // The controller takes them at once, the broker when it hears of it.
      if (attempt === 0 && missing.length > 0) await admin.createAcls({ acl: missing });
      if (attempt === 0 && surplus.length > 0) await admin.deleteAcls({ filters: surplus });
      await sleep(accessPollMs);
    }
  });
}

interface Difference {
  readonly missing: AclEntry[];
  readonly surplus: AclEntry[];
}

function differenceOf(wanted: readonly AclEntry[], present: readonly AclEntry[]): Difference {
  const keysOf = (entries: readonly AclEntry[]): ReadonlySet<string> => new Set(entries.map(keyOf));
  const [there, asked] = [keysOf(present), keysOf(wanted)];
  return {
    missing: wanted.filter((entry) => !there.has(keyOf(entry))),
    surplus: present.filter((entry) => ours.has(entry.principal) && !asked.has(keyOf(entry))),
  };
}

const ours = new Set(busIdentities.map(principalOf));

function serviceOf({ name, service = name }: Stage): string {
  return service;
}

function principalOf(identity: string): string {
  return `User:norn-${identity}`;
}

const resourceTypes = { topic: AclResourceTypes.TOPIC, group: AclResourceTypes.GROUP } as const;
const operations = {
  read: AclOperationTypes.READ,
  write: AclOperationTypes.WRITE,
  describe: AclOperationTypes.DESCRIBE,
  delete: AclOperationTypes.DELETE,
} as const;

function entriesOf(identity: string): AclEntry[] {
  return rightsOf(identity).map(({ on, name, prefix = false, to }) => ({
    principal: principalOf(identity),
    host: '*',
    permissionType: AclPermissionTypes.ALLOW,
    resourceType: resourceTypes[on],
    resourceName: name,
    resourcePatternType: prefix ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
    operation: operations[to],
  }));
}

const everything: AclFilter = {
  resourceType: AclResourceTypes.ANY,
  resourcePatternType: ResourcePatternTypes.ANY,
  operation: AclOperationTypes.ANY,
  permissionType: AclPermissionTypes.ANY,
};

async function presentEntries(admin: Admin): Promise<AclEntry[]> {
  const { resources } = await admin.describeAcls(everything);
  return resources.flatMap(({ acls, ...resource }) => acls.map((acl) => ({ ...resource, ...acl })));
}

function keyOf(entry: AclEntry): string {
  const { principal, host, resourceType, resourceName, resourcePatternType, operation, permissionType } = entry;
  return JSON.stringify([principal, host, resourceType, resourceName, resourcePatternType, operation, permissionType]);
}
