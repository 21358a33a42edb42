// What a rule asks, as far as a host can answer it while the event waits: matches of which any must hold. What the host does not know is left
// out, and then the match holds rather too often.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { policy } from '@norn/contracts';
import type { Question, TextTest } from '@norn/rules';

const { HostEvent, HostField, HostOperator } = policy;

/** Matches that one rule may become; what would make more is left out. */
const MATCHES_MAX = 256;

export interface HostAnswer {
  /** All must hold; none: it always does. */
  readonly tests: readonly policy.HostTest[];
  /** What was left out, in words for people; none: the match says what the rule says. */
  readonly leftOut: readonly string[];
}

const always: HostAnswer = { tests: [], leftOut: [] };
const never: readonly HostAnswer[] = [];

const ofProcess: Readonly<Record<string, policy.HostField>> = {
  Image: HostField.IMAGE,
  ParentImage: HostField.PARENT_IMAGE,
  AncestorImages: HostField.ANCESTOR_IMAGES,
  sha256: HostField.SHA256,
  Container: HostField.CONTAINER,
  ContainerImage: HostField.CONTAINER_IMAGE,
  PodNamespace: HostField.POD_NAMESPACE,
  PodLabels: HostField.POD_LABELS,
  UserId: HostField.USER_ID,
  ImageFlags: HostField.IMAGE_FLAGS,
};

interface Asked {
  readonly fields: Readonly<Record<string, policy.HostField>>;
  /** Fields that have one value in all events of the kind. */
  readonly constants: Readonly<Record<string, string>>;
}

/** To the pipeline a socket that was bound shows as what it accepts: the other side is the destination, the bound port the source. */
const asked: Readonly<Record<Exclude<policy.HostEvent, policy.HostEvent.UNSPECIFIED>, Asked>> = {
  [HostEvent.EXEC]: { fields: ofProcess, constants: { EventKind: 'exec' } },
  [HostEvent.CONNECT]: {
    fields: {
      ...ofProcess,
      DestinationIp: HostField.DESTINATION_IP,
      DestinationPort: HostField.DESTINATION_PORT,
      Protocol: HostField.PROTOCOL,
    },
    constants: { EventKind: 'net_connect', Initiated: 'true' },
  },
  [HostEvent.BIND]: {
    fields: { ...ofProcess, SourcePort: HostField.DESTINATION_PORT, Protocol: HostField.PROTOCOL },
    constants: { EventKind: 'net_accept', Initiated: 'false' },
  },
};

export type AskedEvent = keyof typeof asked;

/** Any of them must hold; none: it never does. */
export function hostAnswers(question: Question, event: AskedEvent): readonly HostAnswer[] {
  return answers(question, false, asked[event]);
}

function answers(question: Question, negated: boolean, of: Asked): readonly HostAnswer[] {
  switch (question.op) {
    case 'not':
      return answers(question.part, !negated, of);
    case 'and':
    case 'or': {
      const parts = question.parts.map((part) => answers(part, negated, of));
      return (question.op === 'and') === negated ? parts.flat() : together(parts);
    }
    case 'exists':
      return existsAnswer(question.field, negated, of);
    case 'fields':
      return [unknown(`${question.field} compared with ${question.other}`)];
    case 'text':
      return textAnswer(question, negated, of);
  }
}

function unknown(what: string): HostAnswer {
  return { tests: [], leftOut: [what] };
}

/** Few first: what never holds ends it, and where they become too many the larger part is left out. */
function together(parts: readonly (readonly HostAnswer[])[]): readonly HostAnswer[] {
  const bySize = [...parts].sort((a, b) => a.length - b.length);
  return bySize.reduce<readonly HostAnswer[]>(
    (before, part) => {
      const more = before.length * part.length > MATCHES_MAX ? [unknown('as many alternatives')] : part;
      return before.flatMap((one) => more.map((other) => joined(one, other)));
    },
    [always],
  );
}

function joined(one: HostAnswer, other: HostAnswer): HostAnswer {
  return { tests: [...one.tests, ...other.tests], leftOut: [...one.leftOut, ...other.leftOut] };
}

function existsAnswer(name: string, negated: boolean, { fields, constants }: Asked): readonly HostAnswer[] {
  if (constants[name] !== undefined) return negated ? never : [always];
  const field = fields[name];
  return [field === undefined ? unknown(name) : test({ field, operator: HostOperator.EXISTS, negated })];
}

type TextQuestion = Extract<Question, { readonly op: 'text' }>;

function textAnswer({ field: name, tests }: TextQuestion, negated: boolean, of: Asked): readonly HostAnswer[] {
  const constant = of.constants[name];
  if (constant !== undefined) return constantAnswer(name, { constant, tests, negated });
  const field = of.fields[name];
  if (field === undefined) return [unknown(name)];
  const obstacle = tests.map((each) => obstacleOf(each, field)).find((found) => found !== undefined);
  if (obstacle !== undefined) return [unknown(`${name} ${obstacle}`)];
  const [first] = tests;
  const values = tests.map(valueOf);
  if (first?.kind === 'cidr') return [test({ field, operator: HostOperator.CIDR, values, negated })];
  const cased = first?.kind === 'like' && first.cased;
  return [test({ field, operator: HostOperator.LIKE, values, cased, negated })];
}

interface ConstantQuestion {
  readonly constant: string;
  readonly tests: readonly TextTest[];
  readonly negated: boolean;
}

function constantAnswer(name: string, { constant, tests, negated }: ConstantQuestion): readonly HostAnswer[] {
  if (tests.some((each) => each.kind !== 'like' || /[*?\\]/.test(each.pattern)))
    return [unknown(`${name} with wildcards`)];
  return tests.some((each) => valueOf(each) === constant) === negated ? never : [always];
}

/** Why a host does not ask this; undefined when it does. */
function obstacleOf(asks: TextTest, field: policy.HostField): string | undefined {
  switch (asks.kind) {
    case 're':
      return 'by a regular expression';
    case 'number':
      return 'as a number';
    case 'cidr':
      return field === HostField.DESTINATION_IP ? undefined : 'as a network';
    case 'like':
      if (/^\**$/.test(asks.pattern)) return 'when it is empty';
      return !asks.cased && hasForeignCase(asks.pattern) ? 'with capitals beyond ASCII' : undefined;
  }
}

/** To a host only the letters of ASCII have two cases. */
function hasForeignCase(text: string): boolean {
  return [...text.matchAll(/[^\x00-\x7f]/gu)].some(([letter]) => letter.toUpperCase() !== letter.toLowerCase());
}

function valueOf(asks: TextTest): string {
  if (asks.kind === 'like') return asks.pattern;
  return asks.kind === 'cidr' ? asks.network : asks.shown;
}

type TestInit = Exclude<MessageInitShape<typeof policy.HostTestSchema>, policy.HostTest>;

function test(init: TestInit): HostAnswer {
  return { tests: [create(policy.HostTestSchema, init)], leftOut: [] };
}
