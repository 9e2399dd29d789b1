{{- define "vdx.name" -}}
{{- printf "%s-%s" .root.Release.Name .part | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "vdx.labels" -}}
{{ include "vdx.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "vdx.selector" -}}
app.kubernetes.io/name: vdx
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "vdx.image" -}}
{{- $image := index .root.Values.images .image -}}
{{ printf "%s:%s" $image.repository ($image.tag | default .root.Chart.AppVersion) }}
{{- end -}}

{{- define "vdx.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "vdx.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "vdx.redisUrl" -}}
{{- if .Values.redis.enabled -}}
redis://{{ include "vdx.name" (dict "root" . "part" "redis") }}:6379
{{- else -}}
{{ required "redis.url is needed where redis.enabled is false" .Values.redis.url }}
{{- end -}}
{{- end -}}

{{- define "vdx.livekitUrl" -}}
{{- if .Values.livekit.enabled -}}
ws://{{ include "vdx.name" (dict "root" . "part" "livekit") }}:7880
{{- else -}}
{{ .Values.livekit.url }}
{{- end -}}
{{- end -}}

{{/* What every process of vdx is told. */}}
{{- define "vdx.environment" -}}
- {name: VDX_LOG__FORMAT, value: json}
- name: VDX_SERVER__API_KEYS
  valueFrom: {secretKeyRef: {name: {{ .Values.secret }}, key: api-key}}
- name: VDX_MODEL_MANAGER__API_KEY
  valueFrom: {secretKeyRef: {name: {{ .Values.secret }}, key: api-key}}
- {name: VDX_REGISTRY__URL, value: {{ include "vdx.redisUrl" . | quote }}}
- name: VDX_REGISTRY__PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .Values.secret }}, key: redis-password}}
- {name: VDX_TRITON__TLS__CA, value: /etc/vdx/tls/ca.crt}
- {name: VDX_TRITON__TLS__CERTIFICATE, value: /etc/vdx/tls/tls.crt}
- {name: VDX_TRITON__TLS__KEY, value: /etc/vdx/tls/tls.key}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end -}}
