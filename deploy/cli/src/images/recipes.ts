// The images of Norn: one for each runtime. The same are used by compose and by the Helm charts.
import { stageNames } from '@norn/bus/flow';

export interface ImageRecipe {
  readonly name: string;
  /** deploy/images/<name>.Dockerfile. */
  readonly dockerfile: string;
  /** Workspaces whose production dependencies it holds; none: it holds no Node. */
  readonly workspaces: readonly string[];
  /** Folders of the repository that it holds besides libs/. */
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
    folders: ['deploy/embedded', 'deploy/runtime'],
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
