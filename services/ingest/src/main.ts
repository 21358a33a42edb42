// Ingest as a process of its own.
import { runService } from '@norn/stage';
import { ingest } from './index.ts';

await runService(ingest);
