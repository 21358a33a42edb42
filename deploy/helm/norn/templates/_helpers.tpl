{{- define "norn.labels" -}}
app.kubernetes.io/name: norn
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "norn.selector" -}}
app.kubernetes.io/name: norn
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "norn.image" -}}
{{- $images := .root.Values.images -}}
{{- $digest := index $images (printf "%sDigest" .image) -}}
{{ $images.registry }}{{ index $images .image }}{{ if $digest }}@{{ $digest }}{{ else }}:{{ $images.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Without a capability, a root file system to write to, or a way to more rights. */}}
{{- define "norn.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "norn.kafka" -}}
{{- if .Values.kafka.brokers }}{{ .Values.kafka.brokers }}{{ else if .Values.bundled.enabled }}{{ .Release.Name }}-kafka:9093
{{- else }}{{ fail "kafka.brokers is empty: name your brokers, or set bundled.enabled=true for a trial" }}{{ end }}
{{- end }}

{{- define "norn.clickhouse" -}}
{{- if .Values.clickhouse.url }}{{ .Values.clickhouse.url }}{{ else if .Values.bundled.enabled }}https://{{ .Release.Name }}-clickhouse:8443
{{- else }}{{ fail "clickhouse.url is empty: name your server, or set bundled.enabled=true for a trial" }}{{ end }}
{{- end }}

{{/* "shown" or nothing: a certificate is for TLS alone, which the bundled one speaks. */}}
{{- define "norn.clickhouseIdentity" -}}
{{- if and .Values.clickhouse.clientCertificate (not (hasPrefix "http:" .Values.clickhouse.url)) }}shown{{ end }}
{{- end }}

{{- define "norn.postgres" -}}
{{- if .Values.postgres.url }}{{ .Values.postgres.url }}{{ else if .Values.bundled.enabled }}postgres://norn@{{ .Release.Name }}-postgres:5432/norn?sslmode=verify-full
{{- else }}{{ fail "postgres.url is empty: name your server, or set bundled.enabled=true for a trial" }}{{ end }}
{{- end }}

{{/* What each stage is told; which file it has of those named is what the stage is given. `client`: whose certificate ClickHouse is shown. */}}
{{- define "norn.environment" -}}
- { name: NORN_KAFKA_BROKERS, value: {{ include "norn.kafka" . | quote }} }
- { name: NORN_KAFKA_PARTITIONS, value: {{ .Values.kafka.partitions | quote }} }
- { name: NORN_KAFKA_TLS, value: {{ .Values.kafka.tls | quote }} }
{{- if and .Values.kafka.tls .Values.kafka.clientCertificate }}
- { name: NORN_KAFKA_CERTIFICATE_FILE, value: /run/secrets/norn/stage.cert.pem }
- { name: NORN_KAFKA_KEY_FILE, value: /run/secrets/norn/stage.key.pem }
{{- end }}
- { name: NORN_CLICKHOUSE_URL, value: {{ include "norn.clickhouse" . | quote }} }
{{- if eq (include "norn.clickhouseIdentity" .) "shown" }}
- { name: NORN_CLICKHOUSE_CERTIFICATE_FILE, value: /run/secrets/norn/{{ .client | default "stage" }}.cert.pem }
- { name: NORN_CLICKHOUSE_KEY_FILE, value: /run/secrets/norn/{{ .client | default "stage" }}.key.pem }
{{- end }}
- { name: NORN_CLICKHOUSE_DATABASE, value: {{ .Values.clickhouse.database | quote }} }
- { name: NORN_CLICKHOUSE_WRITER_PASSWORD_FILE, value: /run/secrets/norn/clickhouse-writer.password }
- { name: NORN_CLICKHOUSE_READER_PASSWORD_FILE, value: /run/secrets/norn/clickhouse-reader.password }
- { name: NORN_POSTGRES_URL, value: {{ include "norn.postgres" . | quote }} }
- { name: NORN_POSTGRES_PASSWORD_FILE, value: /run/secrets/norn/postgres.password }
- { name: NORN_PUBLIC_URL, value: {{ .Values.publicUrl | quote }} }
- { name: NORN_SECRETS_DIR, value: /run/secrets/norn }
- { name: NODE_EXTRA_CA_CERTS, value: /run/secrets/norn/stores.cert.pem }
{{- range $name, $value := .Values.environment }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end }}

{{/* Of the secret, the keys that this component uses and no other. */}}
{{- define "norn.secretVolume" -}}
- name: secrets
  secret:
    secretName: {{ .root.Values.secrets.name }}
    defaultMode: 0440
    items:
      {{- range .keys }}
      - { key: {{ . }}, path: {{ . }} }
      {{- end }}
{{- end }}

{{- define "norn.placement" -}}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* The stages: which secrets each is given, and where it listens besides health. */}}
{{- define "norn.stages" -}}
ingest:
  secrets: [stores.cert.pem, stage.cert.pem, stage.key.pem, postgres.password, authority.key.pem, authority.cert.pem, ingest.key.pem, ingest.cert.pem, command.public.pem, keys.json, signers.json, signing-ingest.key.pem]
  ports: { agents: 7401, enrolment: 7408 }
  peers: agents
enrichment:
  secrets: [stores.cert.pem, stage.cert.pem, stage.key.pem, signers.json, signing-enrichment.key.pem]
  group: norn.enrichment
process-tree:
  secrets: [stores.cert.pem, stage.cert.pem, stage.key.pem, signers.json, signing-process-tree.key.pem]
  group: norn.process-tree
detection:
  secrets: [stores.cert.pem, stage.cert.pem, stage.key.pem, postgres.password, signers.json, signing-detection.key.pem]
  group: norn.detection
remediation:
  secrets: [stores.cert.pem, stage.cert.pem, stage.key.pem, postgres.password, command.key.pem, signers.json, signing-remediation.key.pem]
storage:
  secrets: [stores.cert.pem, stage.cert.pem, stage.key.pem, clickhouse-writer.password, signers.json]
  group: norn.storage
api:
  secrets: [stores.cert.pem, {{ if eq (include "norn.clickhouseIdentity" .) "shown" }}api.cert.pem, api.key.pem, {{ end }}clickhouse-reader.password, postgres.password, signing-api.key.pem, authority.cert.pem]
  client: api
  ports: { http: 7400 }
  peers: people
{{- end }}
