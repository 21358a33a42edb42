// What several features read: the control plane, and stored events by attack, host, command and hunt.
import { Module } from '@nestjs/common';
import { AlertViews } from './attack/alert-views.ts';
import { AttackPlaces } from './attack/attack-places.ts';
import { AttackSummaries } from './attack/attack-summaries.ts';
import { AttackTelemetry } from './attack/attack-telemetry.ts';
import { ProcessLives } from './attack/process-lives.ts';
import { CommandViews } from './command/command-views.ts';
import { ControlPlane } from './control-plane.ts';
import { HostStates } from './host/host-states.ts';
import { HuntReader } from './hunting/hunt-reader.ts';
import { RulePack } from './rule-pack.ts';
import { SigningKey } from './signing-key.ts';

const shared = [
  ...[ControlPlane, RulePack, SigningKey, HostStates, CommandViews, HuntReader],
  ...[AlertViews, AttackPlaces, AttackSummaries, ProcessLives],
];

@Module({ providers: [...shared, AttackTelemetry], exports: shared })
export class ModelModule {}
