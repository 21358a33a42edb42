// The API as a process of its own.
import { runService } from '@norn/stage';
import { api } from './index.ts';

await runService(api);
