// The description of the API for machines, made from what the routes say of themselves and from proto/norn/view/v1.
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { RequestMethod } from '@nestjs/common';
import { view } from '@norn/contracts';
import { z } from 'zod';
import type { RouteFacts } from './route.ts';

export interface DescribedRoute {
  readonly method: RequestMethod;
  /** As Express has it: "/api/v1/alerts/:id". */
  readonly path: string;
  readonly facts: RouteFacts;
}

type Json = Record<string, unknown>;

export function openApi(routes: readonly DescribedRoute[]): Json {
  const schemas = new Map<string, Json>();
  const paths: Record<string, Json> = {};
  for (const { method, path, facts } of routes) {
    const address = path.replace(/:(\w+)/g, '{$1}');
    (paths[address] ??= {})[RequestMethod[method].toLowerCase()] = operation(path, facts, schemas);
  }
  reference(view.ErrorViewSchema, schemas);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Norn',
      version: '1',
      description: 'Runtime protection for Linux hosts and containers. Times are RFC 3339, UTC.',
    },
    paths,
    components: {
      schemas: Object.fromEntries(schemas),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: 'norn_session' },
      },
    },
  };
}

function operation(path: string, facts: RouteFacts, schemas: Map<string, Json>): Json {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const error = { $ref: '#/components/schemas/ErrorView' };
  return {
    summary: facts.summary,
    description: facts.access === 'public' ? 'Needs no session.' : `Needs the role ${facts.access} or above.`,
    security: facts.access === 'public' ? [] : [{ bearer: [] }, { session: [] }],
    parameters: [...inPath, ...queryParameters(facts)],
    ...requestBody(facts),
    responses: {
      [String(facts.status ?? 200)]: { description: facts.summary, ...content(facts, schemas) },
      default: { description: 'What went wrong', content: { 'application/json': { schema: error } } },
    },
  };
}

function content(facts: RouteFacts, schemas: Map<string, Json>): Json {
  if (facts.answers !== undefined)
    return { content: { 'application/json': { schema: reference(facts.answers, schemas) } } };
  return facts.contentType === undefined ? {} : { content: { [facts.contentType]: { schema: { type: 'string' } } } };
}

function queryParameters({ query }: RouteFacts): Json[] {
  if (query === undefined) return [];
  const { properties = {} } = z.toJSONSchema(query, { io: 'input', unrepresentable: 'any' });
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema: typeof schema === 'object' && Object.keys(schema).length > 0 ? schema : { type: 'string' },
  }));
}

function requestBody({ body }: RouteFacts): Json {
  if (body === undefined) return {};
  const schema = z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' });
  return { requestBody: { required: true, content: { 'application/json': { schema } } } };
}

/** Adds the message and all it holds to `schemas`; answers a reference to it. */
function reference(message: DescMessage, schemas: Map<string, Json>): Json {
  if (!schemas.has(message.name)) {
    schemas.set(message.name, {});
    const properties = Object.fromEntries(message.fields.map((field) => [field.jsonName, fieldSchema(field, schemas)]));
    const required = message.fields.filter(({ fieldKind }) => fieldKind !== 'message').map(({ jsonName }) => jsonName);
    schemas.set(message.name, { type: 'object', properties, required });
  }
  return { $ref: `#/components/schemas/${message.name}` };
}

function fieldSchema(field: DescField, schemas: Map<string, Json>): Json {
  switch (field.fieldKind) {
    case 'list':
      return {
        type: 'array',
        items:
          field.listKind === 'message'
            ? reference(field.message, schemas)
            : scalar(field.listKind === 'scalar' ? field.scalar : undefined),
      };
    case 'message':
      return reference(field.message, schemas);
    case 'map':
      return { type: 'object' };
    case 'enum':
      return { type: 'string' };
    case 'scalar':
      return scalar(field.scalar);
  }
}

const numbers = new Set([
  ScalarType.UINT32,
  ScalarType.INT32,
  ScalarType.SINT32,
  ScalarType.FIXED32,
  ScalarType.SFIXED32,
]);

function scalar(type: ScalarType | undefined): Json {
  if (type === ScalarType.BOOL) return { type: 'boolean' };
  if (type === ScalarType.DOUBLE || type === ScalarType.FLOAT) return { type: 'number' };
  return type !== undefined && numbers.has(type) ? { type: 'integer' } : { type: 'string' };
}
