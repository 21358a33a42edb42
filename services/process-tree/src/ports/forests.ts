// Where the trees of a partition's hosts are.
import type { Forest } from '../forest.ts';

export interface Forests {
  forestOf(partition: number): Forest;
}
