// The stage that adds what agents told about their hosts: container names and images, user names.
export { enrichment } from './enrichment.module.ts';
// For a replay, which runs the flow without a broker.
export { createEnrichmentPipeline } from './enrichment.pipeline.ts';
export { HostDirectories } from './host-directories.ts';
