// What each test of ingest begins with: real gRPC and certificates; only Kafka, PostgreSQL and what ingest follows are fakes.
import { createLogger } from '@norn/telemetry';
import { Authority } from '../src/enrolment/authority.ts';
import { IngestServer } from '../src/ingest.server.ts';
import { FakeCommands, FakePolicies, FakeProducer, FakeRegistry, FakeSigners } from './fakes.ts';
import { type HostIdentity, issueIdentity, makeSecrets, type TestSecrets } from './test-authority.ts';
import { TestHost } from './test-host.ts';

export const batchBytesMax = 64 * 1024;

const logger = createLogger('ingest-test');
logger.level = 'silent';

export class IngestTrial {
  readonly logger = logger;
  secrets!: TestSecrets;
  server!: IngestServer;
  producer = new FakeProducer();
  registry = new FakeRegistry();
  commands = new FakeCommands();
  policies = new FakePolicies();
  signers = new FakeSigners();
  private readonly hosts: TestHost[] = [];

  /** With fakes of its own. */
  async start(tenantEventsPerSecondMax = 1_000_000): Promise<void> {
    this.producer = new FakeProducer();
    this.registry = new FakeRegistry();
    this.commands = new FakeCommands();
    this.policies = new FakePolicies();
    this.signers = new FakeSigners();
    const config = { agentHost: '127.0.0.1', ingestPort: 0, enrolPort: 0, batchBytesMax, tenantEventsPerSecondMax };
    const keys = { current: { secrets: this.secrets, authority: Authority.open(this.secrets) }, refresh: () => false };
    const { producer, registry, commands, policies, signers } = this;
    const fakes = { producer, registry, commands, policies, signers };
    this.server = new IngestServer({ config, keys, logger, ...fakes });
    await this.server.start();
  }

  async end(): Promise<void> {
    for (const host of this.hosts.splice(0)) host.close();
    await this.server.close();
  }

  connect(identity: HostIdentity | undefined): TestHost {
    const { ports } = this.server;
    const host = new TestHost({ port: ports.ingest, authorityPem: this.secrets.authorityCertPem, identity });
    this.hosts.push(host);
    return host;
  }

  /** A certificate of a host that the control plane has. */
  async known(options: Parameters<typeof issueIdentity>[1] = {}, { inside = false } = {}) {
    const identity = await issueIdentity(this.secrets, options);
    this.registry.hosts.set(`${identity.tenantId}:${identity.hostId}`, { isRevoked: false, inside });
    return identity;
  }

  async connectKnown() {
    const identity = await this.known();
    return { identity, host: this.connect(identity) };
  }
}

/** For the tests of a file, each with an ingest of its own. */
export function tryIngest(): IngestTrial {
  const trial = new IngestTrial();
  beforeAll(async () => {
    trial.secrets = await makeSecrets();
  });
  beforeEach(() => trial.start());
  afterEach(() => trial.end());
  return trial;
}
