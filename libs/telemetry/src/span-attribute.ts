// Every attribute of a span by name. Those without `norn.` are OpenTelemetry's semantic conventions 1.45; its messaging names may still
// change, so they stand here alone and a test compares them with the package.

export enum SpanAttribute {
  HttpMethod = 'http.request.method',
  /** The template: ids stay out of it. */
  HttpRoute = 'http.route',
  HttpStatus = 'http.response.status_code',
  UrlPath = 'url.path',
  UrlScheme = 'url.scheme',
  ErrorType = 'error.type',

  MessagingSystem = 'messaging.system.name',
  MessagingOperationName = 'messaging.operation.name',
  MessagingOperationType = 'messaging.operation.type',
  /** The topic. */
  MessagingDestination = 'messaging.destination.name',
  MessagingPartition = 'messaging.destination.partition.id',
  MessagingGroup = 'messaging.consumer.group.name',
  /** Only where one span stands for several records. */
  MessagingRecords = 'messaging.batch.message_count',
  KafkaOffset = 'kafka.offset',

  Tenant = 'norn.tenant',
  Host = 'norn.host',
  BatchSeq = 'norn.batch_seq',
  Events = 'norn.events',
  Findings = 'norn.findings',
  Alerts = 'norn.alerts',
  Alert = 'norn.alert',
  AlertVersion = 'norn.alert_version',
  Command = 'norn.command',
  OutcomeState = 'norn.outcome_state',
  OutcomePart = 'norn.outcome_part',
}
