// Detection's one pool of the control plane. It is opened by who needs it first, and tried again while it is away: no start waits for more than that.
import { Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import { STAGE_CONFIG } from '@norn/stage';
import { type ControlStoreConfig, openControlStore } from '@norn/store';
import type { DataSource } from 'typeorm';

/** Three read every few seconds, one writes once a minute. */
const poolMax = 3;

@Injectable()
export class ControlPlane implements OnApplicationShutdown {
  private opening: Promise<DataSource> | undefined;

  constructor(@Inject(STAGE_CONFIG) private readonly config: ControlStoreConfig) {}

  /** Throws `control_store_unavailable`. */
  source(): Promise<DataSource> {
    this.opening ??= openControlStore({ ...this.config, poolMax }).catch((error: unknown) => {
      this.opening = undefined;
      throw error;
    });
    return this.opening;
  }

  async onApplicationShutdown(): Promise<void> {
    await (await this.opening)?.destroy();
  }
}

/** A module of its own is closed after the one that imports it, so the pool after those who read. */
@Module({ providers: [ControlPlane], exports: [ControlPlane] })
export class ControlPlaneModule {}
