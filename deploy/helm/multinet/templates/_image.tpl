{{- define "multinet.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- printf "%s%s%s" .Values.image.repository (ternary "@" ":" (hasPrefix "sha256:" $tag)) $tag -}}
{{- end -}}

{{- /* The places on the node that are not where containerd has them, as JSON. */ -}}
{{- define "multinet.paths" -}}
{{- $platforms := .Files.Get "platforms.yaml" | fromYaml -}}
{{- merge (deepCopy .Values.paths) (get $platforms .Values.platform) | toJson -}}
{{- end -}}

{{- /* The chart's objects stand in manifests/, as they are without Helm; a template here changes what values say. */ -}}
{{- define "multinet.check" -}}
{{- if ne .Release.Namespace "kube-system" -}}
{{- fail "multinet's objects belong into kube-system, by whose name its policy knows the agent: helm install --namespace kube-system" -}}
{{- end -}}
{{- end -}}
