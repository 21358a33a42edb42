// The npm packages of an image: those that its workspaces need in production, and their bill of materials.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { provide, runCommand } from '@norn/embedded';
import { repository } from '../installation/installation.ts';
import type { ImageRecipe } from './recipes.ts';

/** Of all of Norn's own packages, which npm links. */
const ownVersion = '0.1.0';

/** In the folder of the modules: CycloneDX, as npm writes it. */
export const billOfNpm = 'npm.cdx.json';

/** A folder with package.json files, node_modules and the bill; made anew when package-lock.json changes (half a minute). */
export async function provideModules({ workspaces }: ImageRecipe): Promise<string> {
  const lock = await readFile(join(repository, 'package-lock.json'), 'utf8');
  const build = async (folder: string): Promise<void> => {
    await writeFile(join(folder, 'package-lock.json'), JSON.stringify(withoutDevelopment(JSON.parse(lock) as Lock)));
    for (const path of await manifests()) await copyManifest(path, folder);
    const chosen = workspaces.map((name) => `--workspace=${name}`);
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund'];
    await runCommand('npm', ['ci', '--omit=dev', ...quiet, ...chosen], { cwd: folder });
    await writeBill(folder, chosen);
  };
  return provide({ name: 'image-modules', content: [lock, ...workspaces, 'v2'], build });
}

interface Manifest {
  readonly workspaces?: readonly string[];
  readonly name?: string;
  readonly version?: string;
  readonly link?: boolean;
  devDependencies?: object;
}

interface Lock {
  readonly packages: Readonly<Record<string, Manifest>>;
}

interface Bill {
  readonly components: readonly { readonly 'bom-ref': string }[];
  readonly dependencies: readonly { readonly ref: string }[];
}

/** npm's bill of the lock file, less what is there for other machines alone. */
async function writeBill(folder: string, chosen: readonly string[]): Promise<void> {
  const how = '--package-lock-only --sbom-format cyclonedx --sbom-type application --omit=dev';
  // By the shell, for it is larger than what runCommand keeps of an output.
  await runCommand('sh', ['-c', `npm sbom ${how} ${chosen.join(' ')} > ${billOfNpm}`], { cwd: folder });
  const whole = JSON.parse(await readFile(join(folder, billOfNpm), 'utf8')) as Bill;
  const installed = await installedPackages(folder);
  const isThere = (reference: string): boolean => installed.has(reference);
  const bill = {
    ...whole,
    components: whole.components.filter((component) => isThere(component['bom-ref'])),
    dependencies: whole.dependencies.filter(({ ref }) => isThere(ref)),
  };
  await writeFile(join(folder, billOfNpm), JSON.stringify(bill, null, 2));
}

/** "name@version" of each, out of the list that npm leaves of what it did. */
async function installedPackages(folder: string): Promise<ReadonlySet<string>> {
  const { packages } = JSON.parse(await readFile(join(folder, 'node_modules/.package-lock.json'), 'utf8')) as Lock;
  const named = Object.entries(packages).map(([path, { name, version, link }]) => {
    const own = link === true ? undefined : version;
    return `${name ?? nameOf(path)}@${own ?? ownVersion}`;
  });
  return new Set(named);
}

function nameOf(path: string): string {
  const folder = 'node_modules/';
  return path.slice(path.lastIndexOf(folder) + folder.length);
}

// npm counts what a workspace needs for its tests as needed by whoever needs the workspace, `--omit=dev` or not.
function withoutDevelopment(lock: Lock): Lock {
  for (const [path, manifest] of Object.entries(lock.packages)) {
    if (!path.includes('node_modules/')) delete manifest.devDependencies;
  }
  return lock;
}

async function copyManifest(path: string, folder: string): Promise<void> {
  const manifest = await readManifest(path);
  delete manifest.devDependencies;
  await mkdir(join(folder, dirname(path)), { recursive: true });
  await writeFile(join(folder, path), JSON.stringify(manifest, null, 2));
}

async function readManifest(path: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(repository, path), 'utf8')) as Manifest;
}

/** All of them: `npm ci` compares them with the lock file. */
async function manifests(): Promise<string[]> {
  const { workspaces = [] } = await readManifest('package.json');
  const folders = await Promise.all(
    workspaces.map(async (pattern) => {
      if (!pattern.endsWith('/*')) return [pattern];
      const parent = pattern.slice(0, -2);
      return (await readdir(join(repository, parent))).map((name) => join(parent, name));
    }),
  );
  return ['package.json', ...folders.flat().map((folder) => join(folder, 'package.json'))];
}
