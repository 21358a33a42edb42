// Builds an image: its context, its base where none was named, and its bill of materials beside it.
import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { repository } from '../installation/installation.ts';
import { provideBase } from './base.ts';
import { layOut } from './context.ts';
import { buildImage, hasImage } from './docker.ts';
import { recipes, type ImageName } from './recipes.ts';
import { sourcesTag } from './sources-tag.ts';

export interface ImageOptions {
  readonly tag: string;
  /** Before the name: "registry.example/team/". */
  readonly registry: string;
  /** An image; "debootstrap": one made here; absent: what the Dockerfile names. */
  readonly base?: string | undefined;
  /** Where bills of materials go; absent: into the image alone. */
  readonly bills?: string | undefined;
}

/** Returns the image's name with its tag. */
export async function build(name: ImageName, options: ImageOptions, onLine: (line: string) => void): Promise<string> {
  const recipe = recipes[name];
  const image = `${options.registry}${recipe.name}:${options.tag}`;
  const context = await mkdtemp('/var/tmp/norn-image-');
  try {
    await layOut(name, context, onLine);
    const base = options.base === 'debootstrap' ? await provideBase(recipe.needsJava, onLine) : options.base;
    const dockerfile = join(repository, 'deploy/images', recipe.dockerfile);
    await buildImage({ image, dockerfile, context, base, onLine });
    if (options.bills !== undefined) await keepBills(join(context, 'norn'), options.bills, name);
    return image;
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/** The image of these sources on a base made here; built when the local Docker has none. Returns its name with its tag. */
export async function provideImage(name: ImageName, onLine: (line: string) => void): Promise<string> {
  const tag = sourcesTag(name);
  const image = `${recipes[name].name}:${tag}`;
  if (await hasImage(image)) return image;
  return build(name, { tag, registry: '', base: 'debootstrap' }, onLine);
}

async function keepBills(root: string, folder: string, name: ImageName): Promise<void> {
  await mkdir(folder, { recursive: true });
  const bills = (await readdir(root)).filter((file) => file.endsWith('.cdx.json'));
  for (const bill of bills) await cp(join(root, bill), join(folder, `${name}.${bill}`));
}
