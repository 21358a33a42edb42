// Every metric of Norn by name. A stage that counts something new adds its name here, so one list answers what is measured.

/** Counters end in `_total`, durations in `_ms`, sizes in `_bytes`; the rest are gauges. */
export enum Metric {
  // Steps of every stage. Attributes: stage, step, reason.
  StepOk = 'norn_step_ok_total',
  StepDropped = 'norn_step_dropped_total',
  StepDeadLettered = 'norn_step_dead_lettered_total',
  StepRedirected = 'norn_step_redirected_total',
  /** CPU of a step. Attributes: stage, step. */
  StageBusyMs = 'norn_stage_busy_ms_total',
  /** Attributes: stage. */
  StageEvents = 'norn_stage_events_total',

  // The bus. Attributes: topic.
  BusRecordsSent = 'norn_bus_records_sent_total',
  BusBytesSent = 'norn_bus_bytes_sent_total',
  BusSends = 'norn_bus_sends_total',
  BusSendRetries = 'norn_bus_send_retries_total',
  BusRecordsRefused = 'norn_bus_records_refused_total',
  BusRecordsReceived = 'norn_bus_records_received_total',
  BusHandlerFailures = 'norn_bus_handler_failures_total',
  /** Attributes: group. */
  BusConsumerRestarts = 'norn_bus_consumer_restarts_total',
  /** Records of a topic that retention removed before this group read them. Attributes: group, topic. */
  BusRecordsMissed = 'norn_bus_records_missed_total',
  /** Not taken, for who wrote them is not proven, or whose they are not clear. Attributes: topic, reason. */
  BusRecordsUnproven = 'norn_bus_records_unproven_total',
  BusPendingBytes = 'norn_bus_pending_bytes',
  /** Attributes: stage, topic, code. */
  BusDeadLetters = 'norn_bus_dead_letters_total',
  /** Records left out when state was made again. Attributes: stage, topic. */
  BusRecallsSkipped = 'norn_bus_recalls_skipped_total',

  // Doors of HTTP.
  /** Attributes: door. */
  HttpConnectionsRefused = 'norn_http_connections_refused_total',

  // Ingest.
  IngestConnections = 'norn_ingest_connections',
  IngestInFlightBytes = 'norn_ingest_in_flight_bytes',
  /** Attributes: code. */
  IngestConnectionsRefused = 'norn_ingest_connections_refused_total',
  /** Attributes: code. */
  IngestMessagesRefused = 'norn_ingest_messages_refused_total',
  /** Sent behind a throttled batch and left; they come again. */
  IngestBatchesLeft = 'norn_ingest_batches_left_total',
  IngestProduceFailures = 'norn_ingest_produce_failures_total',
  IngestCommandsSent = 'norn_ingest_commands_sent_total',
  /** The connection had too many unsent commands. */
  IngestCommandsDiscarded = 'norn_ingest_commands_discarded_total',
  IngestPoliciesSent = 'norn_ingest_policies_sent_total',
  /** Records of the topic that are none. */
  IngestPoliciesDiscarded = 'norn_ingest_policies_discarded_total',
  /** Attributes: code. */
  IngestEnrolments = 'norn_ingest_enrolments_total',
  /** The control plane could not be asked or told. */
  IngestControlFailures = 'norn_ingest_control_failures_total',

  // Enrichment.
  FactsHosts = 'norn_facts_hosts',
  FactsEvicted = 'norn_facts_evicted_total',

  // Process-tree.
  TreeHosts = 'norn_tree_hosts',
  TreeHostsEvicted = 'norn_tree_hosts_evicted_total',
  TreeNodes = 'norn_tree_nodes',
  TreeNodesEvicted = 'norn_tree_nodes_evicted_total',
  TreeSnapshots = 'norn_tree_snapshots_total',
  TreeSnapshotBytes = 'norn_tree_snapshot_bytes_total',
  TreeReplayed = 'norn_tree_replayed_batches_total',

  // Detection.
  /** Attributes: rule. */
  RuleMatches = 'norn_rule_matches_total',
  /** Estimated. Attributes: rule. */
  RuleNs = 'norn_rule_ns_total',
  RuleMatchesRefused = 'norn_rule_matches_refused_total',
  /** Findings of agents that are not usable. Attributes: reason. */
  FindingsRefused = 'norn_findings_refused_total',
  /** Kept from their alerts by an exception. Attributes: exception. */
  FindingsExcepted = 'norn_findings_excepted_total',
  /** Kept from their alerts because their rule found too much. Attributes: rule. */
  FindingsLimited = 'norn_findings_limited_total',
  /** Counts of findings that were begun anew. Attributes: reason. */
  FindingRatesForgotten = 'norn_finding_rates_forgotten_total',
  /** Alerts that could still have grown. Attributes: reason. */
  AlertsForgotten = 'norn_alerts_forgotten_total',
  /** Events and groups that correlations did not count. Attributes: reason. */
  CorrelationsForgotten = 'norn_correlations_forgotten_total',
  /** Batches read back so that correlations know what was before. */
  CorrelationsReplayed = 'norn_correlations_replayed_batches_total',
  /** Events read back so that correlations over all hosts of a tenant know what was before. */
  OccurrencesReplayed = 'norn_occurrences_replayed_total',

  // Remediation.
  /** Attributes: action. */
  CommandsIssued = 'norn_commands_issued_total',
  /** Not sent, for neither a proven finding nor a person stands behind them. Attributes: reason. */
  CommandsUnproven = 'norn_commands_unproven_total',
  CommandsDispatched = 'norn_commands_dispatched_total',
  CommandsRetried = 'norn_commands_retried_total',
  /** A tenant's policy could not be made for its hosts; they keep the one before. */
  HostPoliciesUnmade = 'norn_host_policies_unmade_total',
  CommandsExpired = 'norn_commands_expired_total',
  /** Attributes: reason. */
  OutcomesRefused = 'norn_outcomes_refused_total',

  // Storage. Attributes: table.
  StorageRows = 'norn_storage_rows_total',
  StorageInserts = 'norn_storage_inserts_total',
  StorageInsertRetries = 'norn_storage_insert_retries_total',
  StorageInsertMs = 'norn_storage_insert_ms',

  // The API.
  /** Requests answered with an error. Attributes: code. */
  ApiRefused = 'norn_api_refused_total',
  /** Open streams of changes. */
  ApiStreams = 'norn_api_streams',
  /** Streams cut because their reader took nothing. */
  ApiStreamsCut = 'norn_api_streams_cut_total',

  // Telemetry itself.
  SpansDiscarded = 'norn_spans_discarded_total',
}
