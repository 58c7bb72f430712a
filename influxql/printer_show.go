package influxql

func (*ShowContinuousQueriesStatement) print(w *printer) { w.text("SHOW CONTINUOUS QUERIES") }
func (*ShowDatabasesStatement) print(w *printer)         { w.text("SHOW DATABASES") }
func (*ShowQueriesStatement) print(w *printer)           { w.text("SHOW QUERIES") }
func (*ShowShardGroupsStatement) print(w *printer)       { w.text("SHOW SHARD GROUPS") }
func (*ShowShardsStatement) print(w *printer)            { w.text("SHOW SHARDS") }
func (*ShowSubscriptionsStatement) print(w *printer)     { w.text("SHOW SUBSCRIPTIONS") }
func (*ShowUsersStatement) print(w *printer)             { w.text("SHOW USERS") }

func (s *ShowDiagnosticsStatement) print(w *printer) {
	w.text("SHOW DIAGNOSTICS")
	w.module(s.Module)
}

func (s *ShowStatsStatement) print(w *printer) {
	w.text("SHOW STATS")
	w.module(s.Module)
}

func (s *ShowGrantsForUserStatement) print(w *printer) { w.ident("SHOW GRANTS FOR ", s.Name) }

func (s *ShowRetentionPoliciesStatement) print(w *printer) {
	w.text("SHOW RETENTION POLICIES")
	w.on(s.Database)
}

func (s *ShowMeasurementsStatement) print(w *printer) {
	w.text("SHOW MEASUREMENTS")
	s.printOn(w)
	if s.Source != nil {
		w.text(" WITH MEASUREMENT ")
		if m, ok := s.Source.(*Measurement); ok && m.Regex != nil {
			w.text("=~ ")
		} else {
			w.text("= ")
		}
		s.Source.print(w)
	}
	w.where(s.Condition)
	w.orderBy(s.SortFields)
	w.limit(s.Limit, s.Offset)
}

// printOn prints the names as they are, without quotes.
func (s *ShowMeasurementsStatement) printOn(w *printer) {
	switch {
	case s.WildcardDatabase:
		w.text(" ON *")
	case s.Database != "":
		w.text(" ON ", s.Database)
	default:
		return
	}
	if s.WildcardRetentionPolicy {
		w.text(".*")
	} else if s.RetentionPolicy != "" {
		w.text(".", s.RetentionPolicy)
	}
}

func (s *ShowSeriesStatement) print(w *printer) {
	w.text("SHOW SERIES")
	w.on(s.Database)
	w.from(s.Sources)
	w.where(s.Condition)
	w.orderBy(s.SortFields)
	w.limit(s.Limit, s.Offset)
}

func (s *ShowFieldKeysStatement) print(w *printer) {
	w.text("SHOW FIELD KEYS")
	w.on(s.Database)
	w.from(s.Sources)
	w.orderBy(s.SortFields)
	w.limit(s.Limit, s.Offset)
}

// print leaves out WITH KEY.
func (s *ShowTagKeysStatement) print(w *printer) {
	w.text("SHOW TAG KEYS")
	w.on(s.Database)
	w.from(s.Sources)
	w.where(s.Condition)
	w.orderBy(s.SortFields)
	w.limit(s.Limit, s.Offset)
	w.seriesLimit(s.SLimit, s.SOffset)
}

func (s *ShowTagValuesStatement) print(w *printer) {
	w.text("SHOW TAG VALUES")
	w.on(s.Database)
	w.from(s.Sources)
	w.withKey(s.Op, s.TagKeyExpr)
	w.where(s.Condition)
	w.orderBy(s.SortFields)
	w.limit(s.Limit, s.Offset)
}

func (s *ShowSeriesCardinalityStatement) print(w *printer) {
	w.text("SHOW SERIES")
	w.exact(s.Exact)
	w.text(" CARDINALITY")
	w.on(s.Database)
	w.from(s.Sources)
	w.where(s.Condition)
	w.groupBy(s.Dimensions)
	w.limit(s.Limit, s.Offset)
}

func (s *ShowMeasurementCardinalityStatement) print(w *printer) {
	w.text("SHOW MEASUREMENT")
	w.exact(s.Exact)
	w.text(" CARDINALITY")
	w.on(s.Database)
	w.from(s.Sources)
	w.where(s.Condition)
	w.groupBy(s.Dimensions)
	w.limit(s.Limit, s.Offset)
}

func (s *ShowTagKeyCardinalityStatement) print(w *printer) {
	w.text("SHOW TAG KEY")
	w.exact(s.Exact)
	w.text(" CARDINALITY")
	w.on(s.Database)
	w.from(s.Sources)
	w.where(s.Condition)
	w.groupBy(s.Dimensions)
	w.limit(s.Limit, s.Offset)
}

func (s *ShowFieldKeyCardinalityStatement) print(w *printer) {
	w.text("SHOW FIELD KEY")
	w.exact(s.Exact)
	w.text(" CARDINALITY")
	w.on(s.Database)
	w.from(s.Sources)
	w.where(s.Condition)
	w.groupBy(s.Dimensions)
	w.limit(s.Limit, s.Offset)
}

func (s *ShowTagValuesCardinalityStatement) print(w *printer) {
	w.text("SHOW TAG VALUES")
	w.exact(s.Exact)
	w.text(" CARDINALITY")
	w.on(s.Database)
	w.from(s.Sources)
	w.withKey(s.Op, s.TagKeyExpr)
	w.where(s.Condition)
	w.groupBy(s.Dimensions)
	w.limit(s.Limit, s.Offset)
}
