// Ingest as a process of its own.
import { runService } from '@norn/pipeline';
import { ingest } from './index.ts';

await runService(ingest);
