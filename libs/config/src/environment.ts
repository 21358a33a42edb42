// The environment as it is; nothing else may read it.
import type { Environment } from './load.ts';

/** For those who start a service in this process. */
export function processEnvironment(): Environment {
  return process.env;
}

/** Where spans go by OTLP over HTTP ("http://collector:4318"), under OpenTelemetry's own name; empty: nowhere. */
export function otlpEndpoint(environment: Environment = process.env): string {
  return environment.OTEL_EXPORTER_OTLP_ENDPOINT ?? '';
}
