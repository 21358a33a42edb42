// What ClickHouse is told: its limits, who may do what, and the row policy that ties a reader to one tenant.
import { createHash } from 'node:crypto';

const memoryBytesMax = 1_200_000_000;
const readerMemoryBytesMax = 400_000_000;
const readerSecondsMax = 30;
const readerRowsResultMax = 100_000;

/** The tenant of a reader's query stands in this HTTP header; without it no row is seen. */
export const tenantHeader = 'X-Norn-Tenant';

/** Those of the migrations: others reach files, addresses and programs. */
const tableEngines = ['MergeTree', 'ReplacingMergeTree', 'AggregatingMergeTree'];

export function serverConfig(usersFile: string): string {
  return `<clickhouse>
  <users_config>${usersFile}</users_config>
  <logger><level>warning</level></logger>
  <!-- Without this a writer's table could be any file of the machine. -->
  <access_control_improvements><table_engines_require_grant>true</table_engines_require_grant></access_control_improvements>
  <!-- Queries, and whether it lives: no pages for browsers. -->
  <http_handlers>
    <rule><url>/ping</url><methods>GET,HEAD</methods><handler><type>static</type><response_content>Ok.&#10;</response_content></handler></rule>
    <rule><url>regex:^/([?].*)?$</url><handler><type>dynamic_query_handler</type><query_param_name>query</query_param_name></handler></rule>
  </http_handlers>
  <max_server_memory_usage>${memoryBytesMax}</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <max_concurrent_queries>64</max_concurrent_queries>
  <max_connections>256</max_connections>
  <max_thread_pool_size>400</max_thread_pool_size>
  <background_pool_size>2</background_pool_size>
  <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <background_message_broker_schedule_pool_size>1</background_message_broker_schedule_pool_size>
  <background_distributed_schedule_pool_size>1</background_distributed_schedule_pool_size>
  <merge_tree>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
  <listen_backlog>128</listen_backlog>
</clickhouse>
`;
}

const profilesAndQuotas = `  <profiles>
    <default>
      <allow_get_client_http_header>1</allow_get_client_http_header>
      <max_threads>2</max_threads>
      <deduplicate_blocks_in_dependent_materialized_views>1</deduplicate_blocks_in_dependent_materialized_views>
    </default>
    <session>
      <max_sessions_for_user>1</max_sessions_for_user>
      <constraints><max_sessions_for_user><readonly/></max_sessions_for_user></constraints>
    </session>
    <reader>
      <readonly>2</readonly>
      <allow_get_client_http_header>1</allow_get_client_http_header>
      <cancel_http_readonly_queries_on_client_close>1</cancel_http_readonly_queries_on_client_close>
      <max_threads>2</max_threads>
      <max_memory_usage>${readerMemoryBytesMax}</max_memory_usage>
      <max_execution_time>${readerSecondsMax}</max_execution_time>
      <max_result_rows>${readerRowsResultMax}</max_result_rows>
      <constraints>
        <allow_get_client_http_header><readonly/></allow_get_client_http_header>
        <max_memory_usage><max>${readerMemoryBytesMax}</max></max_memory_usage>
        <max_execution_time><min>1</min><max>${readerSecondsMax}</max></max_execution_time>
        <max_result_rows><min>1</min><max>${readerRowsResultMax}</max></max_result_rows>
      </constraints>
    </reader>
  </profiles>
  <quotas>
    <default/>
  </quotas>`;

export interface UsersPlan {
  readonly database: string;
  /** Tables with a tenant_id, each of which gets the row policy. */
  readonly tables: readonly string[];
  readonly writerPassword: string;
  readonly readerPassword: string;
}

export function usersConfig(plan: UsersPlan): string {
  const hash = (password: string): string => createHash('sha256').update(password).digest('hex');
  const policies = plan.tables
    .map((table) => `<${table}><filter>tenant_id = getClientHTTPHeader('${tenantHeader}')</filter></${table}>`)
    .join('\n          ');
  return `<clickhouse>
${profilesAndQuotas}
  <users>
    <!-- The engine's own session, which can not have a password: it may do nothing but listen, and there is no second session of its user. -->
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>session</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT SELECT ON system.numbers</query>
      </grants>
    </default>
    <norn_writer>
      <password_sha256_hex>${hash(plan.writerPassword)}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT ALL ON ${plan.database}.*</query>
        <query>GRANT SELECT ON system.*</query>
${tableEngines.map((engine) => `        <query>GRANT TABLE ENGINE ON ${engine}</query>`).join('\n')}
        <query>GRANT KILL QUERY ON *.*</query>
      </grants>
    </norn_writer>
    <norn_reader>
      <password_sha256_hex>${hash(plan.readerPassword)}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>reader</profile>
      <quota>default</quota>
      <grants><query>GRANT SELECT ON ${plan.database}.*</query></grants>
      <databases>
        <${plan.database}>
          ${policies}
        </${plan.database}>
      </databases>
    </norn_reader>
  </users>
</clickhouse>
`;
}

/** The tables that the migrations make, found in their SQL: each is tenant data unless it has no tenant_id. */
export function tablesOf(migrations: readonly string[]): string[] {
  const statement = /CREATE (?:TABLE|MATERIALIZED VIEW) (?:IF NOT EXISTS )?(?:\w+\.)?(\w+)([^;]*)/g;
  const tables = migrations
    .flatMap((sql) => [...sql.replace(/--.*$/gm, '').matchAll(statement)])
    .filter(([, , body]) => body?.includes('tenant_id'))
    .map(([, table]) => table ?? '');
  return [...new Set(tables)];
}
