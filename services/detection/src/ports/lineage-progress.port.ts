// How far the stage has come with the lineage topic, all its members together.
export interface LineageProgress {
  /** By partition that holds records: the offset after its newest. */
  ends(): Promise<ReadonlyMap<number, number>>;
  /** By partition: the offset up to which everything is judged, and what came of it is in Kafka. */
  read(): Promise<ReadonlyMap<number, number>>;
}
