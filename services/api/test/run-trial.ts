// `node --import deploy/runtime/register.mjs services/api/test/run-trial.ts [port] [console dir]`: seeded attacks to look at, until a signal.
import { seedForkTree, seedHost, seedRansomware, seedReverseShell, seedTenant, seedWiper } from './seeds/index.ts';
import { startApiTrial } from './api-trial.ts';

const [port = '7660', consoleDir = ''] = process.argv.slice(2);
const trial = await startApiTrial({ port: Number(port), consoleDir });
await seedTenant(trial, 'default');
const home = await seedHost(trial, 'default', { name: 'node-3' });
await seedHost(trial, 'default', { name: 'node-4', weak: true });
await seedHost(trial, 'default', { name: 'edge-1', lastSeenMsAgo: 3_600_000 });
const ids = [
  await seedForkTree(trial, home, 2000),
  await seedWiper(trial, home),
  await seedRansomware(trial, home),
  await seedReverseShell(trial, home),
];
const bearer = await trial.tokenOf('admin');
process.stdout.write(
  `${JSON.stringify({ url: trial.url, login: `${trial.url}/login#token=${await trial.loginToken()}`, bearer, ids })}\n`,
);
process.once('SIGTERM', () => {
  void trial.close().then(() => process.exit(0));
});
