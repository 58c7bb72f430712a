package influxql

// String returns the node as InfluxQL text, "" for nil.
func (n *Query) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text.
func (n Statements) String() string { return nodeText(n) }

// String returns the node as InfluxQL text.
func (n Sources) String() string { return nodeText(n) }

// String returns the node as InfluxQL text.
func (n Fields) String() string { return nodeText(n) }

// String returns the node as InfluxQL text.
func (n Dimensions) String() string { return nodeText(n) }

// String returns the node as InfluxQL text.
func (n SortFields) String() string { return nodeText(n) }

// String returns the node as InfluxQL text, "" for nil.
func (n *Field) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *Dimension) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *SortField) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *Measurement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *SubQuery) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *Target) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *SelectStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ExplainStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *BinaryExpr) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ParenExpr) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *VarRef) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *Call) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *Distinct) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *Wildcard) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *NumberLiteral) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *IntegerLiteral) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *UnsignedLiteral) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *BooleanLiteral) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *StringLiteral) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *DurationLiteral) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *NilLiteral) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *BoundParameter) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *TimeLiteral) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *RegexLiteral) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ListLiteral) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *CreateDatabaseStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *DropDatabaseStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *CreateRetentionPolicyStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *AlterRetentionPolicyStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *DropRetentionPolicyStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *CreateContinuousQueryStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *DropContinuousQueryStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *CreateSubscriptionStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *DropSubscriptionStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *DropMeasurementStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *DropSeriesStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *DeleteSeriesStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *DropShardStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *KillQueryStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *CreateUserStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *DropUserStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *SetPasswordUserStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *GrantStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *GrantAdminStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *RevokeStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *RevokeAdminStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowContinuousQueriesStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowDatabasesStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowQueriesStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowShardGroupsStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowShardsStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowSubscriptionsStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowUsersStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowDiagnosticsStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowStatsStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowGrantsForUserStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowRetentionPoliciesStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowMeasurementsStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowSeriesStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowFieldKeysStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowTagKeysStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowTagValuesStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowSeriesCardinalityStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowMeasurementCardinalityStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowTagKeyCardinalityStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowFieldKeyCardinalityStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}

// String returns the node as InfluxQL text, "" for nil.
func (n *ShowTagValuesCardinalityStatement) String() string {
	if n == nil {
		return ""
	}
	return nodeText(n)
}
