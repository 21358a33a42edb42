// The API's own key, which says that a person asked. What hosts obey is signed by remediation alone.
import { Injectable } from '@nestjs/common';
import { readSignerKey } from '@norn/config';
import { signForPerson } from '@norn/response';
import type { CommandIssuer } from '@norn/store';
import { ApiConfig } from '../api.config.ts';

@Injectable()
export class SigningKey {
  readonly commands: CommandIssuer;

  constructor({ settings }: ApiConfig) {
    const own = readSignerKey(settings.secretsDir, 'api');
    this.commands = {
      prove: (unsigned) => signForPerson(unsigned, own),
      commandTtlMs: settings.commandTtlMs,
    };
  }
}
