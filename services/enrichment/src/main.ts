// Enrichment as a process of its own.
import { runService } from '@norn/stage';
import { enrichment } from './index.ts';

await runService(enrichment);
