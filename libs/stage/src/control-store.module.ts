// The control plane for a stage that needs it: the `DataSource`, closed after whatever stands on it.
import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { type ControlStoreConfig, openControlStore } from '@norn/store';
import { DataSource } from 'typeorm';
import { STAGE_CONFIG } from './stage.module.ts';

@Module({
  providers: [
    {
      provide: DataSource,
      useFactory: (config: ControlStoreConfig) => openControlStore(config),
      inject: [STAGE_CONFIG],
    },
  ],
  exports: [DataSource],
})
export class ControlStoreModule implements OnApplicationShutdown {
  constructor(@Inject(DataSource) private readonly control: DataSource) {}

  async onApplicationShutdown(): Promise<void> {
    await this.control.destroy();
  }
}
