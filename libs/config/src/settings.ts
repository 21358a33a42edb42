// Every setting an installation has: its type, its default, and what it is for. The environment name of `apiPort` is NORN_API_PORT.
import { z } from 'zod';

const port = z.coerce.number().int().min(1).max(65_535);
/** Ports after the first one that belong to an installation too. */
const portsAfterBase = 19;
const portBaseMax = 65_535 - portsAfterBase;
const reach = z
  .string()
  .max(300)
  .regex(/^(\[[0-9a-fA-F:.]+\]|[\w.-]+):\d{1,5}$/, 'is written host:port, [fd00::7]:7401 for an IPv6 address');
const bytes = z.coerce.number().int().positive();
const milliseconds = z.coerce.number().int().positive();

/** "/home:/srv". A comma before a slash is one that should have been a colon: nothing has that name, and nothing would be protected. */
const directories = z
  .string()
  .refine((list) => list.split(':').every((path) => path === '' || (path.startsWith('/') && !path.includes(',/'))), {
    message: 'directories are absolute, and colons stand between them: /home:/srv',
  });

export const settings = {
  home: z.string().default('/var/lib/norn').describe('Where state lives'),
  roomBytesMin: bytes
    .default(128 * 1024 * 1024)
    .describe(
      'Embedded Kafka and ClickHouse are stopped when their disk has less left, and start with half as much more; of a small disk at most a sixteenth',
    ),
  portBase: port
    .max(portBaseMax, `ports BASE to BASE+${portsAfterBase} end at 65535: give at most ${portBaseMax}`)
    .default(7400)
    .describe('First of the ports of an embedded installation'),
  host: z.string().default('127.0.0.1').describe('Address that services listen on'),
  agentHost: z
    .string()
    .default('')
    .describe('Address that ingest and enrolment listen on; empty: as host. 0.0.0.0 lets other machines in'),
  agentsAt: reach.default('127.0.0.1:7401').describe('Where agents of other machines reach ingest; ./norn up finds it'),
  enrolAt: z
    .union([z.literal(''), reach])
    .default('')
    .describe('Where they reach enrolment; empty: the host of agentsAt, at enrolPort'),
  ingestName: z
    .string()
    .max(253)
    .default('')
    .describe(
      'Name that the certificate of ingest has to show; empty: localhost in invitations, to agents its address',
    ),
  apiPort: port.default(7400),
  ingestPort: port.default(7401).describe('gRPC over mTLS, agents'),
  enrolPort: port.default(7408).describe('gRPC over TLS, enrolment by join token'),
  healthPort: port.default(7407).describe('/healthz and /metrics'),
  publicUrl: z.string().default('http://127.0.0.1:7400').describe('Where a browser finds the console'),
  kafkaBrokers: z.string().default('127.0.0.1:7402').describe('Comma-separated host:port'),
  kafkaTls: z.stringbool().default(false).describe('Kafka by TLS'),
  kafkaAuthorityFile: z
    .string()
    .default('')
    .describe("PEM: the one authority of Kafka's certificates; empty: a public one or in NODE_EXTRA_CA_CERTS"),
  kafkaCertificateFile: z.string().default('').describe('PEM: who this stage is to Kafka; needs TLS and the key'),
  kafkaKeyFile: z.string().default(''),
  kafkaAcls: z
    .stringbool()
    .default(false)
    .describe('Give each stage its rights at the broker, by the name in its certificate; needs an authorizer there'),
  kafkaPartitions: z.coerce
    .number()
    .int()
    .min(1)
    .max(1024)
    .default(2)
    .describe('Partitions of each topic when created'),
  clickhouseUrl: z
    .string()
    .default('http://127.0.0.1:7404')
    .describe('https: its authority is a public one or in NODE_EXTRA_CA_CERTS'),
  clickhousePidFile: z
    .string()
    .default('')
    .describe(
      'Holds the process id of a ClickHouse on this machine: no other is told a password. Empty: not looked at',
    ),
  clickhouseCertificateFile: z
    .string()
    .default('')
    .describe('PEM: who this service is to ClickHouse; needs https and the key'),
  clickhouseKeyFile: z.string().default(''),
  clickhouseDatabase: z.string().default('norn'),
  clickhouseWriterPasswordFile: z.string().describe('Password of user norn_writer'),
  clickhouseReaderPasswordFile: z.string().describe('Password of user norn_reader, bound to one tenant by row policy'),
  postgresUrl: z
    .string()
    .default('postgres://norn@127.0.0.1:7406/norn')
    .describe('With ?sslmode=verify-full by TLS; its authority is a public one or in NODE_EXTRA_CA_CERTS'),
  postgresPasswordFile: z.string(),
  secretsDir: z.string().describe('Keys and certificates: authority, ingest, command, and those that sign records'),
  consoleDir: z.string().default('').describe('Built console; empty: not served'),
  joinTokenHostsMax: z.coerce
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(1)
    .describe('How many hosts the join token of the secrets lets in'),
  joinTokenDays: z.coerce.number().int().min(1).max(3_650).default(7).describe('For how long'),
  storeName: z.string().default('').describe('Name under which the stages reach a store that runs by itself'),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  traceFile: z.string().default('').describe('Spans as JSON lines, bounded; empty: none'),
  batchBytesMax: bytes.default(4 * 1024 * 1024).describe('Largest batch that ingest takes'),
  tenantEventsPerSecondMax: z.coerce.number().int().positive().default(200_000),
  commandTtlMs: milliseconds.default(120_000),
  alertWindowMs: milliseconds.default(600_000).describe('Findings of one lineage within it are one alert'),
  correlationHoldBackMs: milliseconds.default(500).describe('How much later than others an event of a host may come'),
  tenantHoldBackMs: milliseconds
    .default(5_000)
    .describe("How much later than others an event of one of a tenant's hosts may come"),
  treeSnapshotMs: milliseconds.default(15_000),
  storageLingerMs: milliseconds.default(200).describe('How long rows wait for a larger insert'),
  // The agent's own.
  agentDir: z.string().default('/var/lib/norn/agent'),
  agentSocket: z.string().default('/var/lib/norn/agent/baldur.sock'),
  agentInside: z
    .stringbool()
    .default(false)
    .describe('Tyr beside an agent inside a container: starts none, and the host is that container'),
  baldurPath: z.string().default(''),
  ingestAddress: z.string().default('127.0.0.1:7401'),
  enrolAddress: z.string().default('127.0.0.1:7408'),
  authorityFile: z.string().default('').describe('PEM of the installation authority, trusted at enrolment'),
  joinTokenFile: z.string().default(''),
  spoolBytesMax: bytes.default(512 * 1024 * 1024),
  hostName: z.string().max(253).default('').describe('What the host is called; empty: as it calls itself'),
  dockerSocket: z.string().default('/var/run/docker.sock'),
  containerdSocket: z.string().default('/run/containerd/containerd.sock'),
  kubernetesApi: z
    .union([z.literal(''), z.url({ protocol: /^https$/ })])
    .default('')
    .describe('Where the API server is, which says the workload of each pod; empty: it is not asked'),
  protectedPaths: directories
    .default('/home:/srv:/var/www')
    .describe('Host directories with pre-images, colon-separated'),
  keptPaths: directories
    .default('/etc:/var/spool/cron:/root/.ssh:/usr/local/bin:/usr/local/sbin')
    .describe('Host directories where persistence is planted: with pre-images, judged by no reflex; colon-separated'),
  canaries: z
    .string()
    .default('')
    .describe('Files that only an attack changes: paths, or names of files anywhere; colon-separated. You make them'),
  hookedPrograms: z
    .string()
    .default('')
    .describe('Programs that get the hook library: paths, or names of programs anywhere; colon-separated'),
  hookSuspects: z
    .stringbool()
    .default(false)
    .describe('Whether processes that look like an attack get the hook library, with all that they start'),
  // Of tests that make their inputs up.
  fuzzMs: milliseconds.default(2_000).describe('How long each target of test/fuzz is tried'),
  fuzzSeed: z.coerce.number().int().min(0).default(0).describe('What its inputs follow from; 0: the time of day'),
  fuzzCase: z.coerce.number().int().min(0).optional().describe('The one input to try again'),
} as const;

/** How a stage reaches Kafka, and where the keys are that sign and verify what stands there. */
export const kafkaSettings = {
  secretsDir: settings.secretsDir,
  kafkaBrokers: settings.kafkaBrokers,
  kafkaTls: settings.kafkaTls,
  kafkaAuthorityFile: settings.kafkaAuthorityFile,
  kafkaCertificateFile: settings.kafkaCertificateFile,
  kafkaKeyFile: settings.kafkaKeyFile,
} as const;

/** How a service reaches ClickHouse. */
export const clickhouseSettings = {
  clickhouseUrl: settings.clickhouseUrl,
  clickhousePidFile: settings.clickhousePidFile,
  clickhouseCertificateFile: settings.clickhouseCertificateFile,
  clickhouseKeyFile: settings.clickhouseKeyFile,
  clickhouseDatabase: settings.clickhouseDatabase,
} as const;

export type SettingName = keyof typeof settings;

/** `apiPort` → `NORN_API_PORT`. */
export function environmentName(setting: string): string {
  return `NORN_${setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
