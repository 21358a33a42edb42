// Remediation as a process of its own.
import { runService } from '@norn/pipeline';
import { remediation } from './index.ts';

await runService(remediation);
