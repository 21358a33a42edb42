// Nest hides what a handler threw behind "Internal server error"; the consumer needs the error itself: to log it, and to read again.
import { Catch, type RpcExceptionFilter } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';

/** For `app.useGlobalFilters` of a stage that listens by `BatchServer`. */
@Catch()
export class ErrorsAsThrown implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}
