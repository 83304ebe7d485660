// Package v20170312 is what flannel's tencent-vpc backend compiles against; see README.md of e2e/flannel.
package v20170312

import "errors"

var errLeftOut = errors.New("this build has no client for that cloud")

type Client struct{}

type Filter struct {
	Name   *string
	Values []*string
}

type Route struct {
	RouteId              *uint64
	DestinationCidrBlock *string
	GatewayType          *string
	GatewayId            *string
	RouteType            *string
	Enabled              *bool
}

type RouteTable struct {
	RouteTableId *string
	RouteSet     []*Route
}

type DescribeRouteTablesRequest struct{ Filters []*Filter }

type DescribeRouteTablesResponse struct {
	Response struct{ RouteTableSet []*RouteTable }
}

type ChangeRoutesRequest struct {
	RouteTableId *string
	Routes       []*Route
}

func NewClientWithSecretId(_, _, _ string) (*Client, error) { return nil, errLeftOut }
func NewDescribeRouteTablesRequest() *DescribeRouteTablesRequest {
	return &DescribeRouteTablesRequest{}
}
func NewCreateRoutesRequest() *ChangeRoutesRequest                  { return &ChangeRoutesRequest{} }
func NewDeleteRoutesRequest() *ChangeRoutesRequest                  { return &ChangeRoutesRequest{} }
func (*Client) CreateRoutes(*ChangeRoutesRequest) (struct{}, error) { return struct{}{}, errLeftOut }
func (*Client) DeleteRoutes(*ChangeRoutesRequest) (struct{}, error) { return struct{}{}, errLeftOut }
func (*Client) DescribeRouteTables(*DescribeRouteTablesRequest) (*DescribeRouteTablesResponse, error) {
	return nil, errLeftOut
}
