{{- define "agent.labels" -}}
app.kubernetes.io/name: norn-agent
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "agent.selector" -}}
app.kubernetes.io/name: norn-agent
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "agent.image" -}}
{{ .Values.image.registry }}{{ .Values.image.name }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "agent.workloadsRole" -}}
{{ .Release.Namespace }}-{{ .Release.Name }}-workloads
{{- end }}
