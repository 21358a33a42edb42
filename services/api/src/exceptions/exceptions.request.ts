// What exceptions may be asked.
import { z } from 'zod';
import { alertId } from '../http/bounds.ts';

/** As detection and the agents make it. */
export const findingId = alertId;
export const previewQuery = z.object({ without: findingId.optional() });
export type PreviewQuery = z.output<typeof previewQuery>;
export const exceptionId = z.uuid({ message: 'an exception has a UUID: see ./norn exceptions' });
