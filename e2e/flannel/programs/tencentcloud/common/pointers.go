// Package common is what flannel's tencent-vpc backend compiles against; see README.md of e2e/flannel.
package common

func BoolPtr(value bool) *bool       { return &value }
func StringPtr(value string) *string { return &value }
func StringPtrs(values []string) []*string {
	pointers := make([]*string, len(values))
	for i := range values {
		pointers[i] = &values[i]
	}
	return pointers
}
