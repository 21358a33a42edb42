// A span for each request: its name is the route's template, so that neither ids nor secrets are in it; the query, which may hold a
// one-time token, is nowhere. A caller's W3C trace context is continued.
import { type OpenSpan, SpanAttribute, SpanKind, beginTrace } from '@norn/telemetry';
import type { NextFunction, Request, Response } from 'express';

const knownMethods = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'TRACE']);
/** What OpenTelemetry calls every other method. */
const otherMethod = '_OTHER';
const pathCharactersMax = 256;

/** Undefined until it is known who asks. */
export type TenantOf = (request: Request) => string | undefined;

/** The span ends with the answer, or when the caller goes away before. */
export const traceRequest = (tenantOf: TenantOf) => (request: Request, response: Response, next: NextFunction) => {
  const method = knownMethods.has(request.method) ? request.method : otherMethod;
  const attributes = {
    [SpanAttribute.HttpMethod]: method,
    [SpanAttribute.UrlScheme]: request.protocol,
    [SpanAttribute.UrlPath]: request.path.slice(0, pathCharactersMax),
  };
  const { traceparent } = request.headers;
  const cause = typeof traceparent === 'string' ? traceparent : undefined;
  const span = beginTrace(nameOf(method), { traceparent: cause, kind: SpanKind.SERVER, attributes });
  if (span === undefined) {
    next();
    return;
  }
  response.once('close', () => {
    describe(span, { request, response, method, tenant: tenantOf(request) });
  });
  span.within(next);
};

function describe(
  span: OpenSpan,
  {
    request,
    response,
    method,
    tenant,
  }: { request: Request; response: Response; method: string; tenant: string | undefined },
): void {
  const route = routeOf(request);
  if (route !== undefined) {
    span.rename(nameOf(method, route));
    span.set({ [SpanAttribute.HttpRoute]: route });
  }
  if (tenant !== undefined) span.set({ [SpanAttribute.Tenant]: tenant });
  if (response.headersSent) span.set({ [SpanAttribute.HttpStatus]: response.statusCode });
  const failure = failureOf(response);
  if (failure !== undefined) span.set({ [SpanAttribute.ErrorType]: failure });
  span.end(failure);
}

/** "GET /api/v1/alerts/:id"; without a route, as the console's files, the method alone. */
function nameOf(method: string, route?: string): string {
  const verb = method === otherMethod ? 'HTTP' : method;
  return route === undefined ? verb : `${verb} ${route}`;
}

function routeOf(request: Request): string | undefined {
  const { route } = request as { route?: { path?: unknown } };
  return typeof route?.path === 'string' ? route.path : undefined;
}

/** Ours alone: what the caller did wrong is no error of the span. */
function failureOf({ headersSent, statusCode }: Response): string | undefined {
  if (!headersSent) return 'aborted';
  return statusCode >= 500 ? String(statusCode) : undefined;
}
