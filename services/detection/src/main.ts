// Detection as a process of its own.
import { runService } from '@norn/pipeline';
import { detection } from './index.ts';

await runService(detection);
