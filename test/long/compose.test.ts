// The installation as separate services: every image starts without rights and with nothing to write to, all speak TLS, and an agent gets through.
// @norn-strict
import { spawn, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { stageNames } from '@norn/bus/flow';
import { decodeInvitation } from '@norn/contracts';
import { startInstallation, type Installation } from '../e2e/installation.ts';

const portBase = 7860;
const repository = fileURLToPath(new URL('../..', import.meta.url));
const services = [...stageNames, 'api'];
const stores = ['clickhouse', 'kafka', 'postgres'];
/** Images are built when there are none. */
const startWithinMs = 1_200_000;

interface Container {
  readonly Config: { readonly User: string; readonly Labels: Readonly<Record<string, string>> };
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly CapDrop: readonly string[] | null;
    readonly PortBindings: Readonly<Record<string, readonly { readonly HostIp: string }[]>>;
  };
}

describe('an installation of separate services', () => {
  let norn: Installation;
  let containers: Map<string, Container>;

  beforeAll(async () => {
    norn = await startInstallation(portBase, 'compose');
    containers = new Map(running().map((one) => [one.Config.Labels['com.docker.compose.service'] ?? '', one]));
  }, startWithinMs);
  afterAll(() => norn.stop(), startWithinMs);

  it('has each stage and each store in a container of its own', () => {
    expect([...containers.keys()].sort()).toEqual([...services, ...stores].sort());
  });

  it('gives none of them root, a capability or a root file system to write to', () => {
    for (const { Config, HostConfig } of containers.values()) {
      expect([Config.User, HostConfig.ReadonlyRootfs, HostConfig.CapDrop]).toEqual(['10001:10001', true, ['ALL']]);
    }
  });

  it('is reached by agents and people alone, on loopback', () => {
    const bindings = [...containers].flatMap(([service, { HostConfig }]) =>
      Object.entries(HostConfig.PortBindings).map(([port, [place]]) => [service, port, place?.HostIp]),
    );
    expect(bindings.sort()).toEqual([
      ['api', '7400/tcp', '127.0.0.1'],
      ['ingest', '7401/tcp', '127.0.0.1'],
      ['ingest', '7408/tcp', '127.0.0.1'],
    ]);
  });

  it('shows the console', async () => {
    expect(await (await fetch(norn.url)).text()).toContain('<div id="root">');
  });

  it('is asked by the same commands', async () => {
    expect((await norn.norn('login', '--compose')).stdout).toMatch(/^http:\/\/127\.0\.0\.1:7860\/.*token=\S+\n$/);
    const { invitation } = await norn.json<{ invitation: string }>('hosts', 'invite', '--hosts', '2');
    expect(decodeInvitation(invitation)).toMatchObject({ ingest: '127.0.0.1:7861', hosts: 2 });
  });

  it('enrols a host and hears from it', async () => {
    const agent = mkdtempSync('/var/tmp/norn-e2e-agent-');
    const tyr = startTyr(norn, agent);
    try {
      expect(await hostsOnce(norn)).toMatchObject([
        { enrolledAt: expect.any(String), capabilities: expect.any(Array) },
      ]);
    } finally {
      const ended = once(tyr, 'exit');
      tyr.kill('SIGTERM');
      await ended;
      await rm(agent, { recursive: true, force: true });
    }
  });
});

function running(): Container[] {
  const filter = `label=com.docker.compose.project=norn-${String(portBase)}`;
  const ids = execFileSync('docker', ['ps', '--quiet', '--filter', filter], { encoding: 'utf8' }).trim().split('\n');
  return JSON.parse(execFileSync('docker', ['inspect', ...ids], { encoding: 'utf8' })) as Container[];
}

/** Without a Baldur: it is the way to the installation that is tried. */
function startTyr(norn: Installation, folder: string) {
  const secret = (name: string): string => join(norn.home, 'compose/secrets', name);
  const env = {
    ...process.env,
    NORN_AGENT_DIR: folder,
    NORN_AGENT_SOCKET: join(folder, 'baldur.sock'),
    NORN_INGEST_ADDRESS: `127.0.0.1:${String(portBase + 1)}`,
    NORN_ENROL_ADDRESS: `127.0.0.1:${String(portBase + 8)}`,
    NORN_AUTHORITY_FILE: secret('authority.cert.pem'),
    NORN_JOIN_TOKEN_FILE: secret('join.token'),
  };
  const args = ['--import', join(repository, 'deploy/runtime/register.mjs')];
  return spawn(process.execPath, [...args, join(repository, 'native-agent/tyr/src/main.ts')], { env, stdio: 'ignore' });
}

/** As soon as one has told of itself. */
async function hostsOnce(norn: Installation): Promise<unknown[]> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const hosts = await norn.json<{ capabilities: unknown[] }[]>('hosts');
    if (hosts[0] && hosts[0].capabilities.length > 0) return hosts;
    await sleep(1_000);
  }
  return [];
}
