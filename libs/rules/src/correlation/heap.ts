// What is due next: a binary heap.

export class Heap<Item> {
  private readonly items: Item[] = [];

  constructor(private readonly isBefore: (one: Item, other: Item) => boolean) {}

  get first(): Item | undefined {
    return this.items[0];
  }

  push(item: Item): void {
    const { items } = this;
    let at = items.push(item) - 1;
    for (let above = (at - 1) >> 1; at > 0 && this.rises(at, above); above = (at - 1) >> 1) {
      this.swap(at, above);
      at = above;
    }
  }

  pop(): Item | undefined {
    const { items } = this;
    const [first] = items;
    const last = items.pop();
    if (last === undefined || items.length === 0) return first;
    items[0] = last;
    for (let at = 0, next = this.lesser(at); next !== undefined && this.rises(next, at); next = this.lesser(at)) {
      this.swap(at, next);
      at = next;
    }
    return first;
  }

  /** The one of the two below that comes first. */
  private lesser(at: number): number | undefined {
    const [left, right] = [2 * at + 1, 2 * at + 2];
    if (left >= this.items.length) return undefined;
    return right < this.items.length && this.rises(right, left) ? right : left;
  }

  private rises(at: number, above: number): boolean {
    return this.isBefore(this.items[at] as Item, this.items[above] as Item);
  }

  private swap(at: number, other: number): void {
    [this.items[at], this.items[other]] = [this.items[other] as Item, this.items[at] as Item];
  }
}
