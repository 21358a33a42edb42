// What the API says of itself: its description for machines.
import { Controller, Get } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, Reflector } from '@nestjs/core';
import { type DescribedRoute, openApi } from './openapi.ts';
import { ROUTE_FACTS, Route, type RouteFacts } from './route.ts';

@Controller()
export class DescriptionController {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly reflector: Reflector,
  ) {}

  @Get('api/v1/openapi.json')
  @Route({ summary: 'This description', access: 'public', contentType: 'application/json' })
  description(): object {
    return openApi(this.routes());
  }

  /** Every route of every controller that says what it is. */
  routes(): DescribedRoute[] {
    return this.discovery.getControllers().flatMap(({ instance, metatype }) => {
      const prototype = Object.getPrototypeOf(instance) as Record<string, (...args: never[]) => unknown>;
      const base = String(Reflect.getMetadata(PATH_METADATA, metatype as object) ?? '');
      return this.scanner.getAllMethodNames(prototype).flatMap((name) => {
        const handler = prototype[name];
        const facts = handler && this.reflector.get<RouteFacts | undefined>(ROUTE_FACTS, handler);
        if (handler === undefined || facts === undefined) return [];
        const own = String(Reflect.getMetadata(PATH_METADATA, handler));
        const path = `/${[base, own]
          .map((part) => part.replace(/^\/|\/$/g, ''))
          .filter((part) => part !== '')
          .join('/')}`;
        return [{ method: Reflect.getMetadata(METHOD_METADATA, handler) as DescribedRoute['method'], path, facts }];
      });
    });
  }
}
