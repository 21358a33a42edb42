// Process-tree as a process of its own.
import { runService } from '@norn/pipeline';
import { processTree } from './index.ts';

await runService(processTree);
