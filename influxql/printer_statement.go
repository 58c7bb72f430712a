package influxql

import "strconv"

func (s *CreateDatabaseStatement) print(w *printer) {
	w.ident("CREATE DATABASE ", s.Name)
	if !s.RetentionPolicyCreate {
		return
	}
	w.text(" WITH")
	bare := w.Len()
	if s.RetentionPolicyDuration != nil {
		w.text(" DURATION ", s.RetentionPolicyDuration.String())
	}
	if s.RetentionPolicyReplication != nil {
		w.text(" REPLICATION ", strconv.Itoa(*s.RetentionPolicyReplication))
	}
	if s.RetentionPolicyShardGroupDuration > 0 {
		w.text(" SHARD DURATION ", s.RetentionPolicyShardGroupDuration.String())
	}
	w.durationUnlessZero(" FUTURE LIMIT ", s.FutureWriteLimit)
	w.durationUnlessZero(" PAST LIMIT ", s.PastWriteLimit)
	if s.RetentionPolicyName != "" {
		w.ident(" NAME ", s.RetentionPolicyName)
	}
	if w.Len() == bare {
		w.text(" SHARD DURATION 0s")
	}
}

func (s *DropDatabaseStatement) print(w *printer) { w.ident("DROP DATABASE ", s.Name) }

func (s *CreateRetentionPolicyStatement) print(w *printer) {
	w.ident("CREATE RETENTION POLICY ", s.Name)
	w.ident(" ON ", s.Database)
	w.duration(" DURATION ", s.Duration)
	w.text(" REPLICATION ", strconv.Itoa(s.Replication))
	if s.ShardGroupDuration > 0 {
		w.duration(" SHARD DURATION ", s.ShardGroupDuration)
	}
	if s.Default {
		w.text(" DEFAULT")
	}
	w.durationUnlessZero(" FUTURE LIMIT ", &s.FutureWriteLimit)
	w.durationUnlessZero(" PAST LIMIT ", &s.PastWriteLimit)
}

func (s *AlterRetentionPolicyStatement) print(w *printer) {
	w.ident("ALTER RETENTION POLICY ", s.Name)
	w.ident(" ON ", s.Database)
	if s.Duration != nil {
		w.duration(" DURATION ", *s.Duration)
	}
	if s.Replication != nil {
		w.text(" REPLICATION ", strconv.Itoa(*s.Replication))
	}
	if s.ShardGroupDuration != nil {
		w.duration(" SHARD DURATION ", *s.ShardGroupDuration)
	}
	if s.Default {
		w.text(" DEFAULT")
	}
	w.durationUnlessZero(" FUTURE LIMIT ", s.FutureWriteLimit)
	w.durationUnlessZero(" PAST LIMIT ", s.PastWriteLimit)
}

func (s *DropRetentionPolicyStatement) print(w *printer) {
	w.ident("DROP RETENTION POLICY ", s.Name)
	w.ident(" ON ", s.Database)
}

func (s *CreateContinuousQueryStatement) print(w *printer) {
	w.ident("CREATE CONTINUOUS QUERY ", s.Name)
	w.ident(" ON ", s.Database)
	if s.ResampleEvery > 0 || s.ResampleFor > 0 {
		w.text(" RESAMPLE")
	}
	if s.ResampleEvery > 0 {
		w.duration(" EVERY ", s.ResampleEvery)
	}
	if s.ResampleFor > 0 {
		w.duration(" FOR ", s.ResampleFor)
	}
	w.text(" BEGIN ")
	s.Source.print(w)
	w.text(" END")
}

func (s *DropContinuousQueryStatement) print(w *printer) {
	w.ident("DROP CONTINUOUS QUERY ", s.Name)
	w.ident(" ON ", s.Database)
}

func (s *CreateSubscriptionStatement) print(w *printer) {
	w.ident("CREATE SUBSCRIPTION ", s.Name)
	w.ident(" ON ", s.Database)
	w.ident(".", s.RetentionPolicy)
	w.text(" DESTINATIONS ", s.Mode, " ")
	for i, destination := range s.Destinations {
		if i > 0 {
			w.text(", ")
		}
		w.text(QuoteString(destination))
	}
}

func (s *DropSubscriptionStatement) print(w *printer) {
	w.ident("DROP SUBSCRIPTION ", s.Name)
	w.ident(" ON ", s.Database)
	w.ident(".", s.RetentionPolicy)
}

func (s *DropMeasurementStatement) print(w *printer) { w.ident("DROP MEASUREMENT ", s.Name) }

func (s *DropSeriesStatement) print(w *printer) {
	w.text("DROP SERIES")
	w.from(s.Sources)
	w.where(s.Condition)
}

func (s *DeleteSeriesStatement) print(w *printer) {
	w.text("DELETE")
	w.from(s.Sources)
	w.where(s.Condition)
}

func (s *DropShardStatement) print(w *printer) {
	w.text("DROP SHARD ", strconv.FormatUint(s.ID, 10))
}

func (s *KillQueryStatement) print(w *printer) {
	w.text("KILL QUERY ", strconv.FormatUint(s.QueryID, 10))
	w.on(s.Host)
}

func (s *CreateUserStatement) print(w *printer) {
	w.ident("CREATE USER ", s.Name)
	w.text(" WITH PASSWORD ", redacted)
	if s.Admin {
		w.text(" WITH ALL PRIVILEGES")
	}
}

func (s *DropUserStatement) print(w *printer) { w.ident("DROP USER ", s.Name) }

func (s *SetPasswordUserStatement) print(w *printer) {
	w.ident("SET PASSWORD FOR ", s.Name)
	w.text(" = ", redacted)
}

func (s *GrantStatement) print(w *printer) {
	w.text("GRANT ", s.Privilege.String())
	w.ident(" ON ", s.On)
	w.ident(" TO ", s.User)
}

func (s *GrantAdminStatement) print(w *printer) { w.ident("GRANT ALL PRIVILEGES TO ", s.User) }

func (s *RevokeStatement) print(w *printer) {
	w.text("REVOKE ", s.Privilege.String())
	w.ident(" ON ", s.On)
	w.ident(" FROM ", s.User)
}

func (s *RevokeAdminStatement) print(w *printer) { w.ident("REVOKE ALL PRIVILEGES FROM ", s.User) }
