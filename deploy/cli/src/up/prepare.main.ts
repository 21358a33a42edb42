// Prepares the stores for stages that run as processes of their own.
import { prepareStores } from '@norn/prepare';
import { findInstallation } from './installation.ts';
import { writeSecret } from './secrets.ts';

await prepareStores((secret) => {
  writeSecret(findInstallation().path('secrets'), 'join.token', secret);
});
