// The installation's key, with which commands and the hosts' policies are signed.
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { readSecret } from '@norn/config';
import { createHostPolicySigner, signCommand } from '@norn/response';
import type { CommandSigner, HostPolicySigner } from '@norn/store';
import { ApiConfig } from '../api.config.ts';

@Injectable()
export class SigningKey {
  readonly command: CommandSigner;
  readonly hostPolicy: HostPolicySigner;

  constructor({ settings }: ApiConfig) {
    const key = readSecret(join(settings.secretsDir, 'command.key.pem'));
    this.command = (command, traceparent) => signCommand(command, key, traceparent);
    this.hostPolicy = createHostPolicySigner(key);
  }
}
