// Package errors is what flannel's tencent-vpc backend compiles against; see README.md of e2e/flannel.
package errors

type TencentCloudSDKError struct{}

func (*TencentCloudSDKError) Error() string { return "this build has no client for that cloud" }
