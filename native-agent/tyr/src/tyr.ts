// Tyr as it runs: what each part says to the others. It decides nothing about attacks; baldur does.
import { create, toBinary } from '@bufbuild/protobuf';
import { NornError, messageOf } from '@norn/base';
import { action, event, local, type policy } from '@norn/contracts';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { BaldurLink } from './baldur/baldur-link.ts';
import { firstPolicy } from './baldur/first-policy.ts';
import { InsideEnd } from './baldur/inside-end.ts';
import { Supervisor } from './baldur/supervisor.ts';
import { ColdRestore } from './commands/cold-restore.ts';
import { CommandDesk, isFinal } from './commands/command-desk.ts';
import { CommandLog } from './commands/command-log.ts';
import { SignerBook } from './commands/signer-book.ts';
import { ContainerTable } from './containers/container-table.ts';
import { CriWatch } from './containers/cri-watch.ts';
import { DockerApi } from './containers/docker-api.ts';
import { DockerWatch } from './containers/docker-watch.ts';
import { type WorkloadWatch, createWorkloadWatch } from './containers/workload-watch.ts';
import { Farewell } from './farewell.ts';
import { isGoingDown } from './shutdown.ts';
import { HostFactsSource } from './facts/host-facts.ts';
import { HostReport } from './facts/host-report.ts';
import { ownCapabilities } from './facts/own-capabilities.ts';
import { IdentityFile } from './identity/identity-file.ts';
import { IdentityKeeper } from './identity/identity-keeper.ts';
import { limits } from './limits.ts';
import { PolicyDesk } from './policy/policy-desk.ts';
import { Intake } from './spool/intake.ts';
import { createSpool } from './spool/create-spool.ts';
import type { Spool } from './spool/spool.ts';
import { type TyrConfig, baldurSettings } from './tyr.config.ts';
import { IngestPeers, type Target } from './uplink/ingest-peers.ts';
import { Uplink } from './uplink/uplink.ts';

export class Tyr {
  private readonly link: BaldurLink;
  private readonly supervisor: Supervisor;
  private readonly intake: Intake;
  private readonly spool: Spool;
  private readonly uplink: Uplink;
  private readonly peers: IngestPeers;
  private readonly commandLog: CommandLog;
  private readonly desk: CommandDesk;
  private readonly signers: SignerBook;
  private readonly cold: ColdRestore;
  private readonly policyDesk: PolicyDesk;
  private readonly keeper: IdentityKeeper;
  private readonly table: ContainerTable;
  private readonly docker: DockerWatch;
  private readonly cri: CriWatch;
  /** Undefined where the API server is not to be asked. */
  private readonly workloads: WorkloadWatch | undefined;
  private readonly factsSource: HostFactsSource;
  private readonly hostReport: HostReport;
  private readonly farewell: Farewell;
  private readonly timers: NodeJS.Timeout[] = [];
  /** Baldur keeps an outcome until it hears that it is durable here. */
  private readonly outcomesToAck: { readonly position: number; readonly commandId: string }[] = [];
  private factsTimer: NodeJS.Timeout | undefined;
  private diskSaidAtMs = -Infinity;
  private hello: local.BaldurHello | undefined;
  private baldurHealth: event.AgentHealth | undefined;
  /** Baldur is to tell again of all that runs: ends may have been lost. */
  private listingOwed = false;
  private readonly inside = new InsideEnd(() => {
    this.sendFacts();
  });

  constructor(
    private readonly config: TyrConfig,
    private readonly logger: Logger,
  ) {
    const nowMs = (): number => Date.now();
    const monotonicMs = (): number => performance.now();
    this.intake = new Intake({ batchBytesMax: config.batchBytesMax, nowMs, logger });
    this.spool = this.intake.attach(
      createSpool(config, {
        nowMs: monotonicMs,
        onLost: (loss) => {
          this.intake.lost(loss);
        },
        onDiskFailed: (error) => {
          this.diskFailed(error);
        },
      }),
    );
    const peersFile = join(config.agentDir, 'ingest-peers.json');
    this.peers = new IngestPeers({
      address: config.ingestAddress,
      name: config.ingestName || undefined,
      file: peersFile,
      logger,
    });
    const target = (): Target => this.peers.target();
    this.keeper = new IdentityKeeper(config, new IdentityFile(config.agentDir), target, logger);
    this.commandLog = new CommandLog(config.agentDir, nowMs());
    for (const line of this.commandLog.damage) logger.error({ code: 'command_log_damaged' }, line);
    const runtime = new DockerApi(config.dockerSocket);
    this.cold = new ColdRestore(join(config.agentDir, 'stopped-containers'), runtime, logger);
    this.signers = new SignerBook(logger);
    this.farewell = new Farewell(config.agentDir, logger);
    this.desk = this.createDesk(nowMs);
    this.policyDesk = this.createPolicyDesk();
    this.uplink = this.createUplink();
    this.supervisor = new Supervisor({
      baldurPath: config.baldurPath,
      ...baldurSettings(config),
      logger,
      nowMs: monotonicMs,
    });
    this.link = this.createLink();
    this.table = new ContainerTable(nowMs, this.sendFactsSoon);
    const watch = { table: this.table, logger, onStateChange: this.sendFactsSoon };
    this.docker = new DockerWatch({ ...watch, socketPath: config.dockerSocket });
    this.workloads = createWorkloadWatch(config, { logger, onStateChange: this.sendFactsSoon });
    const workloadOf = (podUid: string): string | undefined => this.workloads?.workloadOf(podUid);
    this.cri = new CriWatch({ ...watch, socketPath: config.containerdSocket, workloadOf });
    this.hostReport = new HostReport(config.agentDir, logger);
    this.factsSource = new HostFactsSource({
      containers: () => this.table.all(),
      capabilities: () => this.capabilities(),
      health: () => this.health(),
      policy: () => this.policyDesk.status(),
      keys: () => this.keeper.hostKeys(),
      inside: () => ({ containerId: this.containerId, ended: this.inside.ended }),
      run: () => this.farewell.run,
      hostName: config.hostName,
      nowMs,
    });
  }

  /** Baldur first: it protects before anyone is asked. Enrolment goes on in the background until it succeeds. */
  async start(): Promise<void> {
    await this.link.listen();
    this.farewell.begin();
    void this.lookUpIngest();
    // Beside an agent inside a container there is neither a baldur to start nor a runtime to ask.
    if (!this.config.agentInside) {
      this.supervisor.start();
      this.docker.start();
      this.cri.start();
      this.workloads?.start();
    }
    this.every(limits.spoolFlushEveryMs, () => void this.flush());
    this.every(limits.spoolCursorEveryMs, () => {
      this.spool.saveCursor();
    });
    this.every(limits.ingestLookupEveryMs, () => void this.lookUpIngest());
    this.every(limits.factsEveryMs, () => {
      this.sendFacts();
    });
    this.keeper.start({
      onEnrolled: () => {
        this.policyDesk.load();
        this.uplink.start();
      },
      onRenewed: () => {
        this.uplink.reconnect();
      },
    });
  }

  /** `norn down`: the stream, the spool and baldur. A tyr that is killed leaves baldur running. */
  async stop(): Promise<void> {
    if (this.containerId !== '') await this.inside.untilEnded();
    this.farewell.say(await isGoingDown(this.config));
    this.sendFacts();
    for (const timer of this.timers) clearInterval(timer);
    clearTimeout(this.factsTimer);
    this.keeper.stop();
    this.docker.stop();
    this.cri.stop();
    this.workloads?.stop();
    await Promise.all([this.supervisor.stop(), this.uplink.factsHeard(limits.farewellMs)]);
    this.uplink.stop();
    await this.spool.close();
    this.link.close();
    this.commandLog.close();
    this.farewell.end();
  }

  private createDesk(nowMs: () => number): CommandDesk {
    return new CommandDesk({
      identity: () => this.keeper.identity(),
      proofKeys: this.signers,
      log: this.commandLog,
      giveToBaldur: (command) => this.giveToBaldur(command),
      report: (outcome) => {
        this.report(outcome);
      },
      nowMs,
      logger: this.logger,
    });
  }

  private createPolicyDesk(): PolicyDesk {
    return new PolicyDesk({
      agentDir: this.config.agentDir,
      identity: () => this.keeper.identity(),
      hostname: () => this.config.hostName,
      giveToBaldur: (value) => {
        this.link.send({ case: 'hostPolicy', value });
      },
      onStatus: this.sendFactsSoon,
      logger: this.logger,
    });
  }

  private giveToBaldur(command: action.Command): boolean {
    const give = (): boolean => this.link.send({ case: 'command', value: command });
    if (!this.cold.isCold(command)) return give();
    this.cold.begin(command).then(give, (error: unknown) => {
      const code = error instanceof NornError ? error.code : 'container_not_stopped';
      this.desk.fail(command, code, `The container was not stopped: ${messageOf(error)}`);
    });
    return true;
  }

  private createUplink(): Uplink {
    return new Uplink({
      target: () => this.peers.target(),
      secrets: () => this.keeper.identity(),
      spool: this.spool,
      onCommand: (signed) => {
        this.desk.receive(signed);
      },
      onSigners: (keys) => {
        this.signers.learn(keys);
      },
      onKeys: (told) => {
        if (this.keeper.learn(told)) this.sendFactsSoon();
      },
      onPolicy: (signed) => {
        this.policyDesk.receive(signed);
      },
      lock: this.farewell,
      onForeign: () => {
        this.keeper.enrolSoon();
      },
      onConnecting: () => {
        this.sendFacts();
      },
      onAcked: () => {
        this.hostReport.acked();
        this.farewell.heard();
        this.ackToBaldur();
      },
      logger: this.logger,
    });
  }

  private createLink(): BaldurLink {
    const handlers = {
      onHello: (hello: local.BaldurHello) => {
        this.baldurConnected(hello);
      },
      onHeartbeat: (heartbeat: local.BaldurHeartbeat) => {
        this.baldurHealth = heartbeat.health;
        if (this.containerId === '') this.supervisor.onHeartbeat(heartbeat);
      },
      onBatch: (batch: Uint8Array, batchSeq: bigint) => {
        this.intake.batch(batch, batchSeq);
        this.uplink.pump();
      },
      onOutcome: (said: action.Outcome) => {
        const outcome = this.desk.onOutcome(said);
        if (outcome === undefined) return;
        if (isFinal(outcome) && this.cold.hasStopped(outcome.commandId)) {
          void this.cold.end(outcome).then((ended) => {
            this.pass(ended);
          });
        } else this.pass(outcome);
      },
      onPolicyStatus: (status: policy.HostPolicyStatus) => {
        this.policyDesk.onBaldurStatus(status);
      },
      onFarewell: ({ exitCode }: local.BaldurFarewell) => {
        this.logger.info({ exitCode }, 'the application has ended, and its container');
        this.inside.hasEnded();
      },
      onGone: () => {
        if (this.containerId === '') this.supervisor.onGone();
        else this.inside.gone();
        this.sendFactsSoon();
      },
    };
    return new BaldurLink(this.config.agentSocket, handlers, this.logger);
  }

  private baldurConnected(hello: local.BaldurHello): void {
    this.logger.info({ pid: hello.pid, version: hello.version }, 'baldur connected');
    this.hello = hello;
    this.inside.connected();
    this.intake.stream(hello.streamId);
    // A pid of another namespace names nobody here, and a container's first process is the runtime's to start and end.
    if (this.containerId === '') this.supervisor.onHello(hello);
    this.link.send({ case: 'policy', value: firstPolicy(this.config) });
    this.tellPeers();
    this.policyDesk.onBaldurConnected();
    this.ackToBaldur();
    this.sendFacts();
    this.desk.onBaldurConnected();
  }

  private async lookUpIngest(): Promise<void> {
    if (await this.peers.refresh()) this.tellPeers();
  }

  /** Whom an isolated host still reaches. */
  private tellPeers(): void {
    this.link.send({ case: 'installation', value: create(local.InstallationSchema, { peers: this.peers.peers }) });
  }

  private pass(outcome: action.Outcome): void {
    const position = this.report(outcome);
    if (isFinal(outcome)) this.outcomesToAck.push({ position, commandId: outcome.commandId });
  }

  /** Returns its position in the spool. */
  private report(outcome: action.Outcome): number {
    const bytes = toBinary(action.OutcomeSchema, outcome);
    const position = this.spool.append({ kind: 'outcome', bytes, precious: true, events: 0 });
    void this.flush();
    this.uplink.pump();
    return position;
  }

  /** Tried again at every flush; said now and then. */
  private diskFailed(error: unknown): void {
    const nowMs = performance.now();
    if (nowMs < this.diskSaidAtMs + limits.diskSaidEveryMs) return;
    this.diskSaidAtMs = nowMs;
    this.logger.error({ code: 'spool_disk', err: error }, `The spool can not be written: ${messageOf(error)}`);
  }

  private async flush(): Promise<void> {
    if (this.intake.tellLosses()) this.listingOwed = true;
    if (this.listingOwed)
      this.listingOwed = !this.link.send({ case: 'listProcesses', value: create(local.ListProcessesSchema) });
    await this.spool.flushIfDue();
    this.ackToBaldur();
  }

  private ackToBaldur(): void {
    const batchSeq = this.intake.newlyDurable(this.spool.durableThrough);
    if (batchSeq !== undefined) this.link.send({ case: 'batchAck', value: batchSeq });
    while ((this.outcomesToAck[0]?.position ?? Infinity) <= this.spool.durableThrough) {
      const commandId = this.outcomesToAck.shift()?.commandId ?? '';
      this.link.send({ case: 'outcomeAck', value: commandId });
    }
  }

  private readonly sendFactsSoon = (): void => {
    this.factsTimer ??= setTimeout(() => {
      this.sendFacts();
    }, limits.factsDelayMs);
  };

  private sendFacts(): void {
    clearTimeout(this.factsTimer);
    this.factsTimer = undefined;
    const facts = this.factsSource.read();
    this.link.send({ case: 'facts', value: facts });
    this.hostReport.told(facts.capabilities);
    this.uplink.sendFacts(facts);
  }

  private capabilities(): event.Capability[] {
    const { supervisor, docker, cri, workloads } = this;
    const { isConnected } = this.link;
    // What a baldur said that is gone is not so any more.
    const said = isConnected ? this.hello?.capabilities : undefined;
    return [...(said ?? []), ...ownCapabilities({ isConnected, supervisor, docker, cri, workloads })];
  }

  private health(): event.AgentHealth {
    const { baldurHealth, intake, spool, supervisor } = this;
    return Object.assign(create(event.AgentHealthSchema), baldurHealth, {
      eventsLost: (baldurHealth?.eventsLost ?? 0n) + BigInt(intake.eventsLost),
      tyrRssBytes: BigInt(process.memoryUsage.rss()),
      batchesSpooled: BigInt(spool.entriesWaiting),
      spoolBytes: BigInt(spool.diskBytes),
      baldurRestarts: BigInt(supervisor.restarts),
      tyrUncleanStarts: BigInt(this.farewell.uncleanStarts),
      containersRefused: BigInt(this.table.refused),
    });
  }

  /** Empty when baldur protects a machine. */
  private get containerId(): string {
    return this.hello?.containerId ?? '';
  }

  private every(periodMs: number, run: () => void): void {
    this.timers.push(setInterval(run, periodMs));
  }
}
