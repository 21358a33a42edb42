// Detection as a process of its own.
import { runService } from '@norn/stage';
import { detection } from './index.ts';

await runService(detection);
