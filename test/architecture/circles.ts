// Circles in a graph: what leads back to where it began (Tarjan's strongly connected components).

export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Each group of nodes that lead to each other, sorted; a node that leads to itself alone is none. */
export function circlesOf(graph: Graph): string[][] {
  const search = new Search(graph);
  for (const node of graph.keys()) search.visit(node);
  return search.circles.map((circle) => circle.sort()).sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
}

/** One shortest way through the circle, from its first node back to it. */
export function wayRound(circle: readonly string[], graph: Graph): string[] {
  const [first = ''] = circle;
  const members = new Set(circle);
  const cameFrom = new Map<string, string>();
  const waiting = [first];
  for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
    for (const next of graph.get(at) ?? []) {
      if (next === first) return wayTo(at, cameFrom).concat(first);
      if (!members.has(next) || cameFrom.has(next)) continue;
      cameFrom.set(next, at);
      waiting.push(next);
    }
  }
  return [];
}

function wayTo(node: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const way: string[] = [];
  for (let at: string | undefined = node; at !== undefined; at = cameFrom.get(at)) way.unshift(at);
  return way;
}

class Search {
  readonly circles: string[][] = [];
  private readonly numbers = new Map<string, number>();
  private readonly lowest = new Map<string, number>();
  private readonly stack: string[] = [];
  private readonly onStack = new Set<string>();

  constructor(private readonly graph: Graph) {}

  visit(node: string): void {
    if (this.numbers.has(node)) return;
    this.numbers.set(node, this.numbers.size);
    this.lowest.set(node, this.numberOf(node));
    this.stack.push(node);
    this.onStack.add(node);
    for (const next of this.graph.get(node) ?? []) {
      this.visit(next);
      if (this.onStack.has(next)) this.lowest.set(node, Math.min(this.lowestOf(node), this.lowestOf(next)));
    }
    if (this.lowestOf(node) === this.numberOf(node)) this.close(node);
  }

  private close(node: string): void {
    const circle = this.stack.splice(this.stack.indexOf(node));
    for (const member of circle) this.onStack.delete(member);
    if (circle.length > 1) this.circles.push(circle);
  }

  private numberOf(node: string): number {
    return this.numbers.get(node) ?? 0;
  }

  private lowestOf(node: string): number {
    return this.lowest.get(node) ?? 0;
  }
}
