// deploy/compose/inside.yaml as somebody would use it: an application of another user's image, Baldur put before it, Tyr beside it. Only the
// installation is this machine's, so Tyr shares the machine's network.
// @norn-strict
import { fromBinary, fromJson } from '@bufbuild/protobuf';
import { provideImage } from '@norn/cli';
import { event } from '@norn/contracts';
import { Host } from '@norn/store';
import { ensureDocker } from '@norn/testkit';
import { chmod, chown, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Link, type PartProcess, startLink } from '../agent-link/link.ts';
import { type Images, call, imageOf, makeImages } from '../e2e/inside/images.ts';

jest.setTimeout(1_800_000);

const file = fileURLToPath(new URL('../../deploy/compose/inside.yaml', import.meta.url));
const project = `norn-inside-${String(process.pid)}`;
const user = 1000;

let folder: string;
let images: Images;
let link: Link;
let ingest: PartProcess;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  await ensureDocker();
  folder = await mkdtemp('/var/tmp/norn-inside-compose-');
  await chmod(folder, 0o755);
  const [agent, inside] = [await provideImage('agent', ignore), await provideImage('inside', ignore)];
  images = await makeImages(folder);
  link = await startLink();
  ingest = await link.startIngest();
  const secrets = join(folder, 'join');
  await mkdir(secrets);
  await copyFile(link.file('secrets/authority.cert.pem'), join(secrets, 'authority.cert.pem'));
  await copyFile(link.file('join.token'), join(secrets, 'join.token'));
  for (const name of ['.', 'authority.cert.pem', 'join.token']) await chown(join(secrets, name), user, user);
  const machine = join(folder, 'machine.yaml');
  await writeFile(machine, "version: '3.8'\nservices: { tyr: { network_mode: host } }\n");
  environment = {
    ...process.env,
    COMPOSE_FILE: `${file}:${machine}`,
    COMPOSE_PROJECT_NAME: project,
    NORN_AGENT_IMAGE: agent,
    NORN_INSIDE_IMAGE: inside,
    SHOP_IMAGE: imageOf('glibc'),
    NORN_INGEST: link.addresses.ingest,
    NORN_ENROL: link.addresses.enrol,
    SHOP_FOLDER: '/work',
    JOIN: secrets,
  };
});
afterAll(async () => {
  await compose('down', '--volumes', '--timeout', '2');
  await ingest.kill('SIGTERM');
  await link.close();
  await images.remove();
  await rm(folder, { recursive: true, force: true });
});

const ignore = (): undefined => undefined;

async function compose(...args: string[]): Promise<string> {
  const plugin = await call('docker', ['compose', 'version']).then(
    () => true,
    () => false,
  );
  const [program, before]: [string, string[]] = plugin ? ['docker', ['compose']] : ['docker-compose', []];
  const { stdout, stderr } = await call(program, [...before, ...args], { env: environment });
  return stdout + stderr;
}

it('the application runs, is a host of kind container, is protected, and leaves quietly', async () => {
  const script = [
    '/norn-attack prepare /work/corpus --files 60 >/dev/null; /norn-attack manifest /work/corpus > /work/before',
    '/norn-attack ransomware /work/corpus --mode in-place; /norn-attack manifest /work/corpus > /work/after',
    'read before < /work/before; read after < /work/after; [ "$before" = "$after" ] && echo "as it was"',
    'exec /talk 127.0.0.1 9',
  ].join('; ');
  environment = { ...environment, SHOP_COMMAND: `/bin/dash -c '${script}'` };
  await compose('up', '--detach');
  const facts = await factsOf(({ containerId }) => containerId !== '');
  expect(facts.ended).toBe(false);
  while (!(await compose('logs', 'shop')).includes('as it was')) await sleep(500);
  const batches = (await link.records('raw')).map(({ value }) => fromBinary(event.EventBatchSchema, value));
  const findings = batches.flatMap((batch) => batch.findings.map(({ ruleId, containerId }) => [ruleId, containerId]));
  expect(findings).toEqual([['reflex.ransomware', facts.containerId]]);
  await compose('stop', '--timeout', '10');
  await factsOf(({ ended }) => ended);
  expect(await link.control.manager.countBy(Host, {})).toBe(1);
});

async function factsOf(isMeant: (facts: event.HostFacts) => boolean): Promise<event.HostFacts> {
  for (;;) {
    const [host] = await link.control.manager.find(Host);
    const facts = host?.facts ? fromJson(event.HostFactsSchema, host.facts as never) : undefined;
    if (facts !== undefined && isMeant(facts)) return facts;
    await sleep(200);
  }
}
