package influxql

// DefaultDatabase returns the database the statement names.
func (s *DropRetentionPolicyStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *CreateRetentionPolicyStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *AlterRetentionPolicyStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *ShowSeriesStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *ShowSeriesCardinalityStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *CreateContinuousQueryStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *DropContinuousQueryStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *ShowMeasurementCardinalityStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *ShowMeasurementsStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *ShowRetentionPoliciesStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *CreateSubscriptionStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *DropSubscriptionStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *ShowTagKeysStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *ShowTagKeyCardinalityStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *ShowTagValuesStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *ShowTagValuesCardinalityStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *ShowFieldKeyCardinalityStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *ShowFieldKeysStatement) DefaultDatabase() string { return s.Database }

// DefaultDatabase returns the database the statement names.
func (s *GrantStatement) DefaultDatabase() string { return s.On }

// DefaultDatabase returns the database the statement names.
func (s *RevokeStatement) DefaultDatabase() string { return s.On }
