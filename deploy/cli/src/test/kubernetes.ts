// A real Kubernetes for the tests: built once from its sources, as the Go module proxy has them (test/kubernetes/build).
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NornError } from '@norn/base';
import { processEnvironment } from '@norn/config';
import { pieceFolder, provide, runCommand, type Piece } from '@norn/embedded';
import { installPackages, isThere } from '../machine/packages.ts';
import { repository } from '../installation/installation.ts';

const version = '1.34.4';
const sources = join(repository, 'test/kubernetes/build');
const files = ['go.mod', 'go.sum', 'main.go', 'dns/main.go'];
/** What a node has besides, and its images are made with: it is what the parts call. */
const needs = [
  { provides: '/usr/bin/containerd', package: 'containerd' },
  { provides: '/usr/lib/cni/ptp', package: 'containernetworking-plugins' },
  { provides: 'iptables', package: 'iptables' },
  { provides: 'ip', package: 'iproute2' },
  { provides: 'curl', package: 'curl' },
  { provides: 'sysctl', package: 'procps' },
  { provides: 'setcap', package: 'libcap2-bin' },
];
const goMajorMinor = [1, 24] as const;

/** Set to anything: the default run has these tests too, also where nothing was built before. */
export const askedFor = 'NORN_TEST_KUBERNETES';

export interface Kubernetes {
  /** One program for all parts: its first argument says which. */
  readonly program: string;
  readonly dns: string;
  readonly helm: string;
}

/** Is it of this machine already, so that its tests cost minutes and not a build? */
export function kubernetesIsBuilt(): boolean {
  return existsSync(pieceFolder(piece(() => undefined)));
}

/** Twenty core-minutes the first time. Throws `go_missing`. */
export async function provideKubernetes(onLine: (line: string) => void): Promise<Kubernetes> {
  const missing = needs.filter(({ provides }) => !isThere(provides)).map((need) => need.package);
  await installPackages(missing, onLine);
  const folder = await provide(piece(onLine));
  return { program: join(folder, 'kubernetes'), dns: join(folder, 'dns'), helm: join(folder, 'helm') };
}

function piece(onLine: (line: string) => void): Piece {
  const content = [version, ...files.map((file) => readFileSync(join(sources, file), 'utf8'))];
  return { name: 'kubernetes', content, build: (folder) => build(folder, onLine) };
}

async function build(folder: string, onLine: (line: string) => void): Promise<void> {
  await requireGo();
  const [major, minor] = version.split('.');
  const stamps = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const stamped = Object.entries(stamps).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  const flags = ['-trimpath', '-ldflags', ['-s -w', ...stamped].join(' ')];
  // Static: nothing here needs a C library.
  const env = { ...processEnvironment(), CGO_ENABLED: '0' };
  for (const [name, source] of [
    ['kubernetes', '.'],
    ['dns', './dns'],
    ['helm', 'helm.sh/helm/v3/cmd/helm'],
  ] as const) {
    onLine(`building ${name} (minutes, once)`);
    await runCommand('go', ['build', ...flags, '-o', join(folder, name), source], { cwd: sources, env, onLine });
  }
}

async function requireGo(): Promise<void> {
  const cure = `Kubernetes is built by Go ${goMajorMinor.join('.')} or later: apt-get install golang (from backports where it is older)`;
  if (!isThere('go')) throw new NornError('go_missing', cure);
  const said = await runCommand('go', ['env', 'GOVERSION']);
  const [major = 0, minor = 0] = (/go(\d+)\.(\d+)/.exec(said) ?? []).slice(1).map(Number);
  const [neededMajor, neededMinor] = goMajorMinor;
  if (major === neededMajor && minor < neededMinor)
    throw new NornError('go_missing', `${cure}; this is ${said.trim()}`);
}
