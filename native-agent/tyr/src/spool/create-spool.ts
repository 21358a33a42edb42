// The spool as tyr has it: its folder and bounds out of the settings.
import { join } from 'node:path';
import { limits } from '../limits.ts';
import type { TyrConfig } from '../tyr.config.ts';
import { Spool } from './spool.ts';

type SpoolOptions = ConstructorParameters<typeof Spool>[0];

export function createSpool(
  { agentDir, spoolBytesMax }: Pick<TyrConfig, 'agentDir' | 'spoolBytesMax'>,
  parts: Pick<SpoolOptions, 'nowMs' | 'onLost' | 'onDiskFailed'>,
): Spool {
  return new Spool({
    ...parts,
    directory: join(agentDir, 'spool'),
    limits: {
      bytesMax: spoolBytesMax,
      segmentBytesMax: Math.min(limits.segmentBytesMax, Math.ceil(spoolBytesMax / 8)),
      memoryBytesMax: limits.spoolMemoryBytesMax,
      memoryAgeMs: limits.spoolMemoryAgeMs,
    },
  });
}
