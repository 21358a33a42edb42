// Prepares the stores for stages that run as processes of their own.
import { prepareStores } from '@norn/prepare';
import { findInstallation } from '../installation/installation.ts';
import { writeSecret } from '../installation/secrets.ts';

await prepareStores((secret) => {
  writeSecret(findInstallation().path('secrets'), 'join.token', secret);
});
