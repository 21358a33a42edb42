// The stage that keeps each host's process tree and gives each event its lineage.
export { processTree } from './process-tree.module.ts';
// For a replay, which runs the flow without a broker.
export { Forest } from './forest.ts';
export type { Forests } from './ports/forests.ts';
export { createProcessTreePipeline } from './process-tree.pipeline.ts';
