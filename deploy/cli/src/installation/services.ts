// The services of an installation in the order in which they are started: what reads stands before what writes to it.
import { stageNames, type StageName } from '@norn/bus/flow';
import type { Service } from '@norn/stage';

type ServiceName = StageName | 'api';

/** Also the names of their folders in services/. */
export const serviceNames: readonly ServiceName[] = [...stageNames.toReversed(), 'api'];

const load: Readonly<Record<ServiceName, () => Promise<object>>> = {
  ingest: () => import('@norn/ingest'),
  enrichment: () => import('@norn/enrichment'),
  'process-tree': () => import('@norn/process-tree'),
  detection: () => import('@norn/detection'),
  remediation: () => import('@norn/remediation'),
  storage: () => import('@norn/storage'),
  api: () => import('@norn/api'),
};

export async function loadServices(): Promise<Service[]> {
  const modules = await Promise.all(serviceNames.map((name) => load[name]()));
  return modules.flatMap((module) => Object.values(module).filter(isService));
}

function isService(value: unknown): value is Service {
  return typeof value === 'object' && value !== null && 'start' in value && 'name' in value;
}
