// Findings as they come.
import { Module } from '@nestjs/common';
import { FindingsController } from './findings.controller.ts';
import { FindingsService } from './findings.service.ts';

@Module({ controllers: [FindingsController], providers: [FindingsService] })
export class FindingsModule {}
