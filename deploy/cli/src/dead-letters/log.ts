// What these commands print is for whoever reads it, perhaps a program: their log is not among it.
import { logToStandardError } from '@norn/telemetry';

logToStandardError();
