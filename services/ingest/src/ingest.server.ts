// Ingest as it runs: who may connect, what becomes of a connection, enrolment, the downlink.
import { status } from '@grpc/grpc-js';
import type { OnModuleDestroy } from '@nestjs/common';
import { NornError, messageOf } from '@norn/base';
import { News } from '@norn/base/news';
import type { agent, event } from '@norn/contracts';
import type { HealthReport, ReportsHealth, RunsBeside } from '@norn/stage';
import { type Logger, Metric, count, observe } from '@norn/telemetry';
import { type ListeningServer, serveAgents, serveEnrolment } from './adapters/grpc-servers.ts';
import { createEnrolHost, createRenewCertificate } from './enrolment/enrol-host.ts';
import { ServerCertificate } from './enrolment/server-certificate.ts';
import { toldKeys } from './enrolment/told-keys.ts';
import type { IngestConfig } from './ingest.config.ts';
import { createIngestPipeline } from './ingest.pipeline.ts';
import { limits } from './limits.ts';
import type { CommandFeed } from './ports/command-feed.ts';
import type { HostRegistry } from './ports/host-registry.ts';
import type { IngestKeys } from './ports/ingest-keys.ts';
import type { PolicyFeed } from './ports/policy-feed.ts';
import type { SignerFeed } from './ports/signer-feed.ts';
import type { ProduceRecords } from './ports/produce-records.ts';
import { Admission } from './stream/admission.ts';
import { Allowance } from './stream/allowance.ts';
import { Connections } from './stream/connections.ts';
import { HostPolicies } from './stream/host-policies.ts';
import { FactsSaver } from './stream/facts-saver.ts';
import { type ConnectCall, HostStream } from './stream/host-stream.ts';
import { InFlight } from './stream/in-flight.ts';
import { MaintenanceWord } from './stream/maintenance-word.ts';
import type { Peer } from './stream/peer.ts';
import { Presence } from './stream/presence.ts';
import { TenantMeter } from './stream/tenant-meter.ts';

export type IngestServerConfig = Pick<
  IngestConfig,
  'agentHost' | 'ingestPort' | 'enrolPort' | 'batchBytesMax' | 'tenantEventsPerSecondMax'
>;

export interface IngestServerOptions {
  readonly config: IngestServerConfig;
  readonly keys: IngestKeys;
  readonly registry: HostRegistry;
  readonly producer: ProduceRecords;
  readonly commands: CommandFeed;
  readonly policies: PolicyFeed;
  readonly signers: SignerFeed;
  readonly logger: Logger;
}

export class IngestServer implements RunsBeside, ReportsHealth, OnModuleDestroy {
  private readonly connections = new Connections();
  private readonly policies = new HostPolicies(this.connections);
  private readonly totalInFlight = new InFlight(limits.totalInFlightBytesMax);
  private readonly admission: Admission;
  private readonly factsSaver: FactsSaver;
  private readonly presence: Presence;
  private readonly meter: TenantMeter;
  private readonly certificates = new Allowance(limits.certificatesPerHost);
  private readonly deadLetters = new Allowance(limits.deadLettersPerHost);
  private readonly refusals = new News(limits.auditEveryMs, limits.auditSubjectsMax);
  private readonly pipeline: ReturnType<typeof createIngestPipeline>;
  private readonly forgetGauges: (() => void)[];
  private agents: ListeningServer | undefined;
  private enrolment: ListeningServer | undefined;
  private recheck: NodeJS.Timeout | undefined;
  private keysTimer: NodeJS.Timeout | undefined;
  private readonly certificate = new ServerCertificate();
  /** Of the certificate that is shown. */
  private shownKey = '';
  private enrolmentsNow = 0;
  private produceFailures = 0;
  /** From then on the control plane is not asked: it may close as well. */
  private closing = false;

  constructor(private readonly options: IngestServerOptions) {
    this.admission = new Admission(options.registry);
    this.factsSaver = new FactsSaver(options.registry, this.controlFailed);
    this.presence = new Presence(options.registry, this.controlFailed);
    this.meter = new TenantMeter({ ...options.config, nowMs: () => performance.now() });
    this.pipeline = createIngestPipeline({ ...options.config, meter: this.meter });
    this.forgetGauges = [
      observe(Metric.IngestConnections, () => this.connections.size),
      observe(Metric.IngestInFlightBytes, () => this.totalInFlight.bytes),
    ];
  }

  get ports(): { readonly ingest: number; readonly enrol: number } {
    return { ingest: this.agents?.port ?? 0, enrol: this.enrolment?.port ?? 0 };
  }

  async start(): Promise<void> {
    const { config, keys, commands, policies } = this.options;
    const shown = await this.certificate.shown(keys.current);
    this.shownKey = shown.key;
    await policies.start((policy) => {
      this.policies.tell(policy);
    });
    await commands.start((command) => {
      this.connections.deliver(command);
    });
    const { agentHost: host, batchBytesMax } = config;
    const renewCertificate = createRenewCertificate(this.enrolmentOptions());
    this.agents = await serveAgents(
      { host, port: config.ingestPort, shown },
      {
        batchBytesMax,
        letsIn: (der) => keys.current.authority.letsIn(der),
        connect: (peer, call) => void this.connect(peer, call),
        renew: async (peer, request) => {
          await this.admit(peer);
          return renewCertificate(peer, request);
        },
      },
    );
    const enrolHost = createEnrolHost(this.enrolmentOptions());
    this.enrolment = await serveEnrolment({ host, port: config.enrolPort, shown }, (request) =>
      this.enrol(() => enrolHost(request)),
    );
    this.presence.start();
    this.recheck = setInterval(() => {
      void this.connections.recheck(this.admission, this.controlFailed);
      if (this.options.signers.refresh()) this.connections.tellSigners(this.options.signers.keys());
    }, limits.admissionCacheMs);
    this.keysTimer = setInterval(() => void this.lookAtKeys(), limits.keysEveryMs);
  }

  health(): HealthReport {
    const { produceFailures } = this;
    const details = { connections: this.connections.size, inFlightBytes: this.totalInFlight.bytes, produceFailures };
    return { healthy: this.agents !== undefined && this.enrolment !== undefined, details };
  }

  onModuleDestroy(): Promise<void> {
    return this.close();
  }

  async close(): Promise<void> {
    this.closing = true;
    clearInterval(this.recheck);
    clearInterval(this.keysTimer);
    this.connections.closeAll();
    this.agents?.close();
    this.enrolment?.close();
    this.factsSaver.close();
    await this.presence.close();
    await Promise.all([this.options.commands.close(), this.options.policies.close()]);
    for (const forget of this.forgetGauges) forget();
  }

  private async connect(peer: Peer, call: ConnectCall): Promise<void> {
    const { logger, producer } = this.options;
    if (this.closing) {
      call.emit('error', { code: status.UNAVAILABLE, details: 'closing: connect again' });
      return;
    }
    let inside = false;
    try {
      await this.admit(peer);
      inside = (await this.admission.find(peer))?.inside ?? false;
    } catch (error) {
      const known = error instanceof NornError;
      const code = known ? status.PERMISSION_DENIED : status.UNAVAILABLE;
      call.emit('error', {
        code,
        details: known ? `${error.code}: ${error.message}` : 'control_plane_unavailable: connect again',
      });
      return;
    }
    if (this.connections.size >= limits.connectionsMax) {
      count(Metric.IngestConnectionsRefused, 1, { code: 'connections_full' });
      call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: `connections_full: ${limits.connectionsMax}` });
      return;
    }
    const { pipeline, meter, totalInFlight, deadLetters } = this;
    const onFacts = (facts: event.HostFacts): void => {
      this.factsSaver.save(peer, facts);
      this.presence.hear(peer, facts);
      if (!inside) void maintenance.hear(facts);
    };
    const onProduceFailed = (): void => {
      this.produceFailures++;
      count(Metric.IngestProduceFailures);
    };
    const shared = { pipeline, meter, producer, totalInFlight, deadLetters, onFacts, onProduceFailed, logger };
    const stream = new HostStream({ peer, inside, call, ...shared });
    const maintenance = this.maintenanceWord(stream);
    this.connections.add(stream);
    const connection = this.presence.arrive(peer);
    logger.info({ host: peer.hostId, tenant: peer.tenantId }, 'connected');
    stream.sendSigners(this.options.signers.keys());
    stream.sendKeys(toldKeys(this.options.keys.current));
    const policy = this.policies.of(peer.tenantId);
    if (policy !== undefined) stream.sendPolicy(policy);
    await stream.run();
    this.connections.remove(stream);
    this.presence.leave(peer, connection);
    logger.info({ host: peer.hostId, tenant: peer.tenantId }, 'disconnected');
  }

  private maintenanceWord(stream: HostStream): MaintenanceWord {
    const say = (tokenSha256: Uint8Array): void => {
      stream.sendMaintenance(tokenSha256);
    };
    const { registry } = this.options;
    return new MaintenanceWord({ peer: stream.peer, registry, say, onError: this.controlFailed });
  }

  /** Throws the refusal as a NornError; what else is thrown means that the control plane could not be asked. */
  private async admit(peer: Peer): Promise<void> {
    let refusal;
    try {
      refusal = await this.admission.refusalOf(peer);
    } catch (error) {
      this.controlFailed(error);
      throw error;
    }
    if (refusal === undefined) return;
    this.options.logger.warn({ host: peer.hostId, tenant: peer.tenantId, code: refusal }, 'refused');
    await this.admission.auditRefusal(peer, refusal, this.controlFailed);
    throw new NornError(refusal, `host ${peer.hostId} of tenant ${peer.tenantId} may not connect: enrol it again`);
  }

  private async enrol(enrol: () => Promise<agent.EnrolResponse>): Promise<agent.EnrolResponse> {
    if (this.enrolmentsNow >= limits.enrolmentsAtOnceMax) {
      throw new NornError('enrolment_busy', `${this.enrolmentsNow} hosts enrol now: try again in a second`);
    }
    this.enrolmentsNow++;
    try {
      const response = await enrol();
      count(Metric.IngestEnrolments, 1, { code: 'ok' });
      this.options.logger.info({ host: response.hostId, tenant: response.tenantId }, 'enrolled');
      return response;
    } catch (error) {
      const code = error instanceof NornError ? error.code : 'failed';
      count(Metric.IngestEnrolments, 1, { code });
      // Anybody may ask: a refusal is counted, and told now and then.
      if (code === 'failed') this.options.logger.warn({ err: error }, 'enrolment failed');
      else if (this.refusals.isNews(code)) this.options.logger.warn({ code }, `enrolment refused: ${messageOf(error)}`);
      throw error;
    } finally {
      this.enrolmentsNow--;
    }
  }

  /** What was changed is gone by at once, and ingest's own certificate is another before it expires; no connection ends for it. */
  private async lookAtKeys(): Promise<void> {
    const { keys, logger } = this.options;
    try {
      const isOther = keys.refresh();
      const shown = await this.certificate.shown(keys.current);
      if (!isOther && shown.key === this.shownKey) return;
      this.shownKey = shown.key;
      this.agents?.show(shown);
      this.enrolment?.show(shown);
      this.connections.tellKeys(toldKeys(keys.current));
      logger.info({ commandKeyLists: keys.current.secrets.keys.commandKeys.length }, 'other keys');
    } catch (error) {
      logger.error({ code: 'keys_unused', err: error }, messageOf(error));
    }
  }

  private enrolmentOptions(): Parameters<typeof createEnrolHost>[0] {
    const { registry, keys } = this.options;
    return { registry, allowance: this.certificates, keys: () => keys.current };
  }

  /** What was asked before it closed may fail with it. */
  private readonly controlFailed = (error: unknown): void => {
    if (this.closing) return;
    count(Metric.IngestControlFailures);
    this.options.logger.error({ code: 'control_plane_unavailable', err: error }, messageOf(error));
  };
}
