// The Docker command line, for what is built: its builder needs no library.
import { NornError } from '@norn/base';
import { processEnvironment } from '@norn/config';
import { runCommand } from '@norn/embedded';

export async function hasImage(image: string): Promise<boolean> {
  return (await runCommand('docker', ['image', 'ls', '--quiet', image])).trim() !== '';
}

/** Throws `docker_missing` with what to do. */
export async function requireDocker(): Promise<void> {
  try {
    await runCommand('docker', ['version', '--format', '{{.Server.Version}}']);
  } catch (error) {
    const cure = 'apt-get install docker.io and see that dockerd runs';
    throw new NornError('docker_missing', `Docker does not answer: ${cure}`, { cause: error });
  }
}

export interface BuildPlan {
  readonly image: string;
  readonly dockerfile: string;
  readonly context: string;
  readonly base?: string | undefined;
  readonly onLine: (line: string) => void;
}

export async function buildImage({ image, dockerfile, context, base, onLine }: BuildPlan): Promise<void> {
  const argument = base === undefined ? [] : ['--build-arg', `BASE=${base}`];
  // Without buildx the command line still has the builder that is in the daemon.
  const env = { ...processEnvironment(), ...((await hasBuildx()) ? {} : { DOCKER_BUILDKIT: '0' }) };
  await runCommand('docker', ['build', '--file', dockerfile, '--tag', image, ...argument, context], { env, onLine });
}

function hasBuildx(): Promise<boolean> {
  return runCommand('docker', ['buildx', 'version']).then(
    () => true,
    () => false,
  );
}
