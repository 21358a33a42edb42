// The images of Norn: one for each runtime. The same are used by compose and by the Helm charts.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { stageNames } from '@norn/bus/flow';
import { repository } from '../installation/installation.ts';

export interface ImageRecipe {
  readonly name: string;
  /** deploy/images/<name>.Dockerfile. */
  readonly dockerfile: string;
  /** Workspaces whose production dependencies it holds; none: it holds no Node. */
  readonly workspaces: readonly string[];
  /** Folders of the repository that it holds besides the libraries of all. */
  readonly folders: readonly string[];
  /** The base must have a JRE and a shell. */
  readonly needsJava: boolean;
}

export const imageNames = ['pipeline', 'agent', 'stores', 'inside'] as const;
export type ImageName = (typeof imageNames)[number];

const services = [...stageNames, 'api'];

export const recipes: Readonly<Record<ImageName, ImageRecipe>> = {
  pipeline: {
    name: 'norn/pipeline',
    dockerfile: 'pipeline.Dockerfile',
    workspaces: [...services.map((name) => `@norn/${name}`), '@norn/prepare'],
    folders: [...services.map((name) => `services/${name}`), 'deploy/prepare', 'deploy/runtime'],
    needsJava: false,
  },
  agent: {
    name: 'norn/agent',
    dockerfile: 'agent.Dockerfile',
    workspaces: ['@norn/tyr'],
    folders: ['native-agent/tyr', 'deploy/runtime'],
    needsJava: false,
  },
  stores: {
    name: 'norn/stores',
    dockerfile: 'stores.Dockerfile',
    workspaces: ['@norn/embedded'],
    folders: ['libs/embedded', 'deploy/runtime'],
    needsJava: true,
  },
  inside: {
    name: 'norn/inside',
    dockerfile: 'inside.Dockerfile',
    workspaces: [],
    folders: [],
    needsJava: false,
  },
};

/** Libraries that only the image of a recipe which names them holds. */
const notOfAll = new Set(['libs/embedded', 'libs/testkit']);

/** Every folder whose sources an image holds, from the root. */
export function foldersOf({ folders }: ImageRecipe, root = repository): string[] {
  const libraries = readdirSync(join(root, 'libs')).map((name) => join('libs', name));
  return [...libraries.filter((folder) => !notOfAll.has(folder)), ...folders];
}
