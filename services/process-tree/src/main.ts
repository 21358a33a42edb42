// Process-tree as a process of its own.
import { runService } from '@norn/stage';
import { processTree } from './index.ts';

await runService(processTree);
