// Enrichment as a process of its own.
import { runService } from '@norn/pipeline';
import { enrichment } from './index.ts';

await runService(enrichment);
