// The stages in the order in which they are started: what reads stands before what writes to it.
import type { Service } from '@norn/stage';

/** Also the names of their folders in services/. */
export const stageNames = [
  'storage',
  'remediation',
  'detection',
  'process-tree',
  'enrichment',
  'ingest',
  'api',
] as const;

export async function loadStages(): Promise<Service[]> {
  const modules = await Promise.all([
    import('@norn/storage'),
    import('@norn/remediation'),
    import('@norn/detection'),
    import('@norn/process-tree'),
    import('@norn/enrichment'),
    import('@norn/ingest'),
    import('@norn/api'),
  ]);
  return modules.flatMap((module) => Object.values(module as Record<string, unknown>).filter(isService));
}

function isService(value: unknown): value is Service {
  return typeof value === 'object' && value !== null && 'start' in value && 'name' in value;
}
