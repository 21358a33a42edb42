// All stages that a batch passes through, in one process: what the benchmark measures. Answers "sample" over IPC with what it used so far.
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { loadConfig, processEnvironment, settings } from '@norn/config';
import { shareColumns } from '@norn/contracts';
import { detection } from '@norn/detection';
import { enrichment } from '@norn/enrichment';
import { ingest } from '@norn/ingest';
import type { RunningService } from '@norn/stage';
import { processTree } from '@norn/process-tree';
import { storage } from '@norn/storage';
import { metricsText, startTelemetry } from '@norn/telemetry';
import { z } from 'zod';

export interface StagesSample {
  readonly cpuUs: number;
  readonly gcMs: number;
  readonly rssBytes: number;
  /** The event loop's busy share of its time so far, 0–1. */
  readonly loopBusyMs: number;
  /** Prometheus text. */
  readonly metrics: string;
}

shareColumns();

let gcMs = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) gcMs += duration;
}).observe({ entryTypes: ['gc'] });

const { traceFile } = loadConfig(z.object({ traceFile: settings.traceFile }));
const telemetry = startTelemetry({ serviceName: 'norn', traceFile });
const running: RunningService[] = [];
for (const service of [storage, detection, processTree, enrichment, ingest]) {
  running.push(await service.start(processEnvironment()));
}

process.on('message', (message) => {
  void (message === 'sample' ? sample() : close());
});
process.send?.('ready');

async function sample(): Promise<void> {
  const { user, system } = process.cpuUsage();
  const answer: StagesSample = {
    cpuUs: user + system,
    gcMs,
    rssBytes: process.memoryUsage.rss(),
    loopBusyMs: performance.eventLoopUtilization().active,
    metrics: await metricsText(),
  };
  process.send?.(answer);
}

async function close(): Promise<void> {
  for (const service of running.reverse()) await service.close();
  await telemetry.close();
  process.exit(0);
}
