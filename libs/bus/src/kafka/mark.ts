// What stands beside a committed offset: who committed it in which generation of the group, and what it has written down to do next.

export interface Mark {
  /** Of the group; a commit of an older one is refused. */
  readonly generation: number;
  /** The consumer, by a name that no other has. */
  readonly owner: string;
  /** In words of the handler: what it was about to do. Who takes over repeats it. Empty: nothing is under way. */
  readonly plan: string;
}

/** Kafka takes 4,096 bytes beside an offset (`offset.metadata.max.bytes`); the rest of a mark needs about a hundred. */
export const planBytesMax = 3_800;

export function markText(mark: Mark): string {
  return JSON.stringify(mark);
}

/** Undefined for what somebody else wrote there. */
export function parseMark(text: string): Mark | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const { generation, owner, plan } = JSON.parse(text) as Partial<Mark>;
    const isMark = typeof generation === 'number' && typeof owner === 'string' && typeof plan === 'string';
    return isMark ? { generation, owner, plan } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function generationOf(metadata: string): number | undefined {
  return parseMark(metadata)?.generation;
}
