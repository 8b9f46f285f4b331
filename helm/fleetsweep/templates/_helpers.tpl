{{- define "fleetsweep.name" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{- define "fleetsweep.selector" -}}
app.kubernetes.io/name: fleetsweep
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "fleetsweep.labels" -}}
{{ include "fleetsweep.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- /* Not empty when the witness runs here: it cannot start before it knows the key of a log, which the controller makes. */ -}}
{{- define "fleetsweep.witness" -}}
{{- if and .Values.witness.enabled .Values.witness.logs }}yes{{ end -}}
{{- end }}

{{- define "fleetsweep.image" -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}

{{- define "fleetsweep.unprivileged" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 64410
runAsGroup: 64410
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}
