// The frame of a stage: its configuration, its place on the bus, how it says that it is well, and the order in which it closes.
import {
  type BeforeApplicationShutdown,
  type DynamicModule,
  Inject,
  type InjectionToken,
  Module,
} from '@nestjs/common';
import { APP_FILTER, ModuleRef } from '@nestjs/core';
import { ConfigModule, registerAs } from '@nestjs/config';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import {
  BatchServer,
  type BusProducer,
  ErrorsAsThrown,
  type GroupOptions,
  type StageBusConfig,
  createProducer,
  flow,
  groupIdOf,
} from '@norn/bus';
import { type Environment, signers } from '@norn/config';
import type { PartitionOwner, ReportsHealth, RunsBeside } from './parts.ts';
import type { HealthReport } from './service.ts';
import { StageHealth } from './stage-health.ts';

export interface StageContext {
  /** As in the flow. */
  readonly name: string;
  /** What this stage was told: of several in one process each may have its own. */
  readonly environment: Environment;
}

export interface ConsumerChoice extends Pick<GroupOptions, 'minBytes' | 'maxWaitMs'> {
  /** Its row in the flow; absent: the one of the stage's name. */
  readonly row?: string;
  readonly partitions?: InjectionToken<PartitionOwner>;
}

export interface StageOptions extends StageContext {
  /** Parses the environment; what it gives is `STAGE_CONFIG`. */
  readonly config: (environment: Environment) => StageBusConfig;
  /** In the order in which they join. What they read is what the controllers handle. */
  readonly consumers?: readonly ConsumerChoice[];
  readonly producer?: { readonly lingerMs?: number };
  /** Started in this order. */
  readonly beside?: readonly InjectionToken<RunsBeside>[];
  readonly health?: readonly InjectionToken<ReportsHealth>[];
}

/** The stage's own settings, parsed. */
export const STAGE_CONFIG = registerAs('stage', () => ({})).KEY;
/** The stage's `BusProducer`: signs what the stage writes. */
export const PRODUCER = Symbol('BusProducer');
/** The tokens of what `createStage` starts and stops. */
export const BESIDE = Symbol('Beside');

@Module({})
export class StageModule implements BeforeApplicationShutdown {
  constructor(@Inject(PRODUCER) private readonly producer: BusProducer) {}

  /** Imported once, by the stage's module. */
  static forRoot(options: StageOptions): DynamicModule {
    const { environment, config, beside = [] } = options;
    return {
      module: StageModule,
      global: true,
      imports: [
        ConfigModule.forRoot({
          isGlobal: true,
          ignoreEnvFile: true,
          ignoreEnvVars: true,
          skipProcessEnv: true,
          load: [registerAs('stage', () => config(environment))],
        }),
        TerminusModule.forRoot({ logger: false }),
      ],
      providers: [
        { provide: APP_FILTER, useClass: ErrorsAsThrown },
        {
          provide: PRODUCER,
          useFactory: (settings: StageBusConfig) => createProducer(settings, producerOf(options)),
          inject: [STAGE_CONFIG],
        },
        {
          provide: BatchServer,
          useFactory: (settings: StageBusConfig, parts: ModuleRef) =>
            new BatchServer(settings, groupsOf(options, parts)),
          inject: [STAGE_CONFIG, ModuleRef],
        },
        {
          provide: StageHealth,
          useFactory: (checks: HealthCheckService, server: BatchServer, parts: ModuleRef) =>
            new StageHealth(checks, reportsOf(options, server, parts)),
          inject: [HealthCheckService, BatchServer, ModuleRef],
        },
        { provide: BESIDE, useValue: beside },
      ],
      exports: [PRODUCER],
    };
  }

  /** The consumers have stopped, and `onModuleDestroy` has ended what still sent. What others stand on closes after, in `onApplicationShutdown`. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.producer.close();
  }
}

/** Who writes nothing but dead letters signs nothing. */
function producerOf({ name, producer }: StageOptions): Parameters<typeof createProducer>[1] {
  const isWriter = flow.some((row) => row.name === name && row.produces.length > 0);
  const signer = isWriter ? signers.find((one) => one === name) : undefined;
  return { ...producer, clientId: `norn-${name}`, ...(signer !== undefined && { signer }) };
}

function groupsOf({ name, consumers = [] }: StageOptions, parts: ModuleRef): GroupOptions[] {
  return consumers.map(({ row: rowName = name, partitions, ...tuning }) => {
    const row = flow.find((one) => one.name === rowName);
    if (row === undefined) throw new Error(`The flow has no row "${rowName}": add it to libs/bus/src/flow.ts`);
    const group = { ...tuning, groupId: groupIdOf(row), topics: row.consumes };
    if (partitions === undefined) return group;
    const owner = (): PartitionOwner => parts.get<PartitionOwner>(partitions, { strict: false });
    return {
      ...group,
      prepare: (...taken) => owner().prepare(...taken),
      release: (topic, partition) => owner().release?.(topic, partition),
    };
  });
}

function reportsOf(
  { consumers = [], health = [] }: StageOptions,
  server: BatchServer,
  parts: ModuleRef,
): Map<string, () => HealthReport> {
  const reports = new Map<string, () => HealthReport>();
  if (consumers.length > 0) {
    reports.set('consumers', () => ({
      healthy: server.connected,
      details: { connected: server.connected, lag: server.lag },
    }));
  }
  for (const [index, token] of health.entries()) {
    reports.set(`part ${index}`, () => parts.get<ReportsHealth>(token, { strict: false }).health());
  }
  return reports;
}
