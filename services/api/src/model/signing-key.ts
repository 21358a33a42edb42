// The keys that the API signs with: the installation's, of commands and the hosts' policies, and its own, which says that a person asked.
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { readSecret, readSignerKey } from '@norn/config';
import { createHostPolicySigner, signCommand, signForPerson } from '@norn/response';
import type { CommandIssuer, HostPolicySigner } from '@norn/store';
import { ApiConfig } from '../api.config.ts';

@Injectable()
export class SigningKey {
  readonly commands: CommandIssuer;
  readonly hostPolicy: HostPolicySigner;

  constructor({ settings }: ApiConfig) {
    const key = readSecret(join(settings.secretsDir, 'command.key.pem'));
    const own = readSignerKey(settings.secretsDir, 'api');
    this.commands = {
      sign: (command, traceparent) => signForPerson(signCommand(command, key, traceparent), own),
      commandTtlMs: settings.commandTtlMs,
    };
    this.hostPolicy = createHostPolicySigner(key);
  }
}
