// The blocks that records become rows of.
import { createAlertsBlock, createContainersBlock, createFindingsBlock, createOutcomeFilesBlock } from '@norn/store';

export const createRecordBlocks = () => ({
  findings: createFindingsBlock(),
  alerts: createAlertsBlock(),
  outcomeFiles: createOutcomeFilesBlock(),
  containers: createContainersBlock(),
});

export type RecordBlocks = ReturnType<typeof createRecordBlocks>;
