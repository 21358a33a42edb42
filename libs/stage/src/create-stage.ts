// A stage out of its module: how it starts, and in which order it closes.
import type { DynamicModule, InjectionToken } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { AsyncMicroserviceOptions } from '@nestjs/microservices';
import { BatchServer, type StageName } from '@norn/bus';
import type { RunsBeside } from './parts.ts';
import { NestLogger } from './nest-logger.ts';
import type { Service } from './service.ts';
import { StageHealth } from './stage-health.ts';
import { BESIDE, type StageContext } from './stage.module.ts';

/** A stage's module: what it consists of, as `StageModule.forRoot` and its own parts. */
export interface ModuleOfStage {
  forStage(context: StageContext): DynamicModule;
}

/** It runs when every group of its consumers has taken it, and what runs beside them has begun. */
export function createStage(name: StageName, stage: ModuleOfStage): Service {
  return {
    name,
    async start(environment) {
      const module = stage.forStage({ name, environment });
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest's options class is an interface in all but name
      const app = await NestFactory.createMicroservice<AsyncMicroserviceOptions>(module, {
        useFactory: (strategy: BatchServer) => ({ strategy }),
        inject: [BatchServer],
        logger: new NestLogger(),
        abortOnError: false,
      });
      const beside = app.get<readonly InjectionToken<RunsBeside>[]>(BESIDE).map((token) => app.get<RunsBeside>(token));
      try {
        await app.listen();
        for (const one of beside) await one.start();
      } catch (error) {
        await app.close();
        throw error;
      }
      return {
        name,
        health: () => app.get(StageHealth).report(),
        close: async () => {
          for (const one of beside.toReversed()) await one.stop?.();
          await app.close();
        },
      };
    },
  };
}
