// Prints which keys each host goes by, from inside an installation; `note JSON` writes into its trail what was done about them.
import { messageOf } from '@norn/base';
import { loadConfig, settings } from '@norn/config';
import { auditKeyDeed, hostKeys, openControlStore } from '@norn/store';
import { z } from 'zod';

const schema = z.object({ postgresUrl: settings.postgresUrl, postgresPasswordFile: settings.postgresPasswordFile });
const deedSchema = z.strictObject({
  actor: z.string().min(1),
  action: z.string().regex(/^key\.[a-z_]+$/),
  subject: z.string().min(1),
  details: z.record(z.string(), z.unknown()),
});

try {
  const [, , verb, deed = ''] = process.argv;
  const store = await openControlStore(loadConfig(schema));
  if (verb === 'note') await auditKeyDeed(store.manager, deedSchema.parse(JSON.parse(deed)));
  else process.stdout.write(`${JSON.stringify(await hostKeys(store))}\n`);
  await store.destroy();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}
