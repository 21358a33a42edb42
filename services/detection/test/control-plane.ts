// A real control plane for a test, and patience for what comes by way of it.
import { type ControlStoreConfig, createControlStore } from '@norn/store';
import { startPostgres } from '@norn/testkit';
import { ControlPlane } from '../src/adapters/control-plane.ts';

export async function controlPlane() {
  const postgres = await startPostgres();
  const config: ControlStoreConfig = { postgresUrl: postgres.urlWithPassword };
  const store = await createControlStore(config);
  const control = new ControlPlane(config);
  return {
    store,
    control,
    [Symbol.asyncDispose]: async () => {
      await control.onApplicationShutdown();
      await store.destroy();
      await postgres.stop();
    },
  };
}

export async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries > 300) throw new Error('It did not come to pass');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
