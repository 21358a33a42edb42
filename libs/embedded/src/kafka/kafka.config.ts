// What the broker is told: mutual TLS on each of its listeners, rights by the name in a certificate, and the limits of one node.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { everywhere, type TlsIdentity } from '../exposure.ts';

const recordBytesMax = 8 * 1024 * 1024;
const segmentBytes = 64 * 1024 * 1024;
const retentionBytesEachPartition = 1024 * 1024 * 1024;
const ownerOnly = 0o600;
/** At once, on each listener. Stages hold a few dozen. */
const connectionsMax = 2_000;

type Properties = Readonly<Record<string, string | number | boolean>>;

/** Whose certificates the broker itself and whoever prepares it show: they may do everything. */
export const busAdministrators = ['norn-broker', 'norn-prepare'];

export interface KafkaPorts {
  readonly broker: number;
  readonly controller: number;
}

export interface BrokerPlan {
  readonly ports: KafkaPorts;
  /** Who the broker is, and whose certificates it takes. */
  readonly identity: TlsIdentity;
  /** The names in the certificates of those who may do everything; default: `busAdministrators`. All others may do what ACLs say. */
  readonly administrators?: readonly string[];
  /** The name by which other machines find it; absent: it listens on loopback alone. */
  readonly exposedAs?: string;
  /** What server.properties says over all this; for measurements. */
  readonly properties?: Properties;
}

/** Writes server.properties and returns where. */
export async function writeProperties(home: string, plan: BrokerPlan): Promise<string> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const properties: Properties = {
    ...listeners(plan),
    ...(await mutualTls(home, plan)),
    ...rights(plan),
    ...oneNode(home),
    ...plan.properties,
  };
  const file = join(home, 'server.properties');
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}`);
  await writeFile(file, `${lines.join('\n')}\n`, { mode: ownerOnly });
  return file;
}

function listeners({ ports, exposedAs }: BrokerPlan): Properties {
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${ports.controller}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `SSL://${exposedAs ? everywhere : '127.0.0.1'}:${ports.broker},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `SSL://${exposedAs ?? '127.0.0.1'}:${ports.broker}`,
    'listener.security.protocol.map': 'SSL:SSL,CONTROLLER:SSL',
    'inter.broker.listener.name': 'SSL',
    // Who has no certificate may hold connections too. One that finds no descriptor for its metadata ends.
    'max.connections': connectionsMax,
  };
}

// Kafka wants the key and its certificate in one file.
async function mutualTls(home: string, { identity, exposedAs }: BrokerPlan): Promise<Properties> {
  const keystore = join(home, 'identity.pem');
  const parts = [await readFile(identity.keyFile, 'utf8'), await readFile(identity.certificateFile, 'utf8')];
  await writeFile(keystore, parts.map((pem) => `${pem.trim()}\n`).join(''), { mode: ownerOnly });
  return {
    'ssl.client.auth': 'required',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keystore,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': identity.authorityFile,
    // The controller's one client is the broker beside it, by loopback, which stands in no certificate for other machines.
    ...(exposedAs ? { 'listener.name.controller.ssl.endpoint.identification.algorithm': '' } : {}),
  };
}

/** Who is asked for by the common name of the certificate; whom no ACL names may do nothing. */
function rights({ administrators = busAdministrators }: BrokerPlan): Properties {
  return {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': false,
    'ssl.principal.mapping.rules': 'RULE:^CN=([^,]+)$/$1/',
    'super.users': administrators.map((name) => `User:${name}`).join(';'),
  };
}

function oneNode(home: string): Properties {
  return {
    'log.dirs': join(home, 'data'),
    'auto.create.topics.enable': false,
    // One node: one copy of everything, and a restart after a crash in seconds instead of eleven.
    'default.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'broker.session.timeout.ms': 2000,
    'broker.heartbeat.interval.ms': 400,
    'num.network.threads': 2,
    'num.io.threads': 3,
    'background.threads': 2,
    'num.recovery.threads.per.data.dir': 2,
    'log.cleaner.dedupe.buffer.size': 4 * 1024 * 1024,
    'message.max.bytes': recordBytesMax,
    'replica.fetch.max.bytes': recordBytesMax,
    'log.segment.bytes': segmentBytes,
    'log.retention.bytes': retentionBytesEachPartition,
    'log.retention.hours': 24,
  };
}
