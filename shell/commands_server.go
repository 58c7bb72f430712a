package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// use chooses database and policy after the server has said that they exist.
func (s *Session) use(ctx context.Context, arguments string) error {
	names, rest := dotted(arguments)
	if len(names) < 1 || len(names) > 2 || rest != "" {
		return errors.New("want use and a database, or database.policy")
	}
	database, policy := names[0], ""
	if len(names) == 2 {
		policy = names[1]
	}
	err := s.interruptible(ctx, func(ctx context.Context) error {
		if err := s.exists(ctx, nameKey{kind: databaseNames}, database, "database", "SHOW DATABASES"); err != nil || policy == "" {
			return err
		}
		return s.exists(ctx, nameKey{kind: policyNames, database: database}, policy, "retention policy", "SHOW RETENTION POLICIES")
	})
	if err != nil {
		return err
	}
	s.opt.Database, s.opt.Policy = database, policy
	if s.opt.Interactive {
		s.say("Using database %s", visible(s.where()))
	}
	return nil
}

// exists looks for a name among those that the server shows. A user who may not see them may use a name all the same.
func (s *Session) exists(ctx context.Context, k nameKey, name, what, show string) error {
	q, col := k.question()
	names, err := column(ctx, s.server(), q, col, 1<<20)
	var status *StatusError
	switch {
	case errors.Is(err, ErrInterrupted) || errors.Is(err, ErrUnreachable) || errors.As(err, &status):
		return err
	case err != nil || slices.Contains(names, name):
		return nil //nolint:nilerr // who may not list names may use them
	}
	return fmt.Errorf("there is no %s %q; %s lists those that you may see", what, name, show)
}

// dotted reads names with dots between, each quoted or not, and returns what stands behind.
func dotted(text string) (names []string, rest string) {
	text = strings.TrimLeft(text, " \t")
	for {
		if strings.HasPrefix(text, `"`) {
			l, next := quoted(text, 0)
			if l.open {
				return nil, text
			}
			names, text = append(names, l.text), text[next:]
		} else {
			end := strings.IndexAny(text, ". \t")
			if end < 0 {
				end = len(text)
			}
			if end == 0 {
				return nil, text
			}
			names, text = append(names, text[:end]), text[end:]
		}
		if !strings.HasPrefix(text, ".") {
			return names, strings.TrimLeft(text, " \t")
		}
		text = text[1:]
	}
}

// insert writes one point.
func (s *Session) insert(ctx context.Context, arguments string) error {
	to := Points{Database: s.opt.Database, Policy: s.opt.Policy, Precision: s.opt.Precision}
	if word, rest, _ := strings.Cut(arguments, " "); strings.EqualFold(word, "into") {
		names, line := dotted(rest)
		switch len(names) {
		case 1:
			to.Policy = names[0]
		case 2:
			to.Database, to.Policy = names[0], names[1]
		default:
			return errors.New("want insert into policy, or database.policy, and a point")
		}
		arguments = line
	}
	if arguments == "" {
		return errors.New("want insert and a point, such as: insert weather,city=Graz temperature=21.5")
	}
	if to.Database == "" {
		return fmt.Errorf("%w: use one, or insert into database.policy", ErrNoDatabase)
	}
	to.Lines = []byte(arguments)
	err := s.interruptible(ctx, func(ctx context.Context) error { return s.server().Write(ctx, to) })
	if err == nil {
		s.schema.Forget()
	}
	return err
}

// importFile reads in an export.
func (s *Session) importFile(ctx context.Context, arguments string) error {
	name, opt := arguments, ImportOptions{Database: s.opt.Database, Policy: s.opt.Policy, Precision: s.opt.Precision, Told: s.report}
	if at := strings.LastIndex(arguments, " pps="); at >= 0 {
		pps, err := strconv.Atoi(arguments[at+len(" pps="):])
		if err != nil || pps < 0 {
			return fmt.Errorf("pps=%s, want a number of points per second", arguments[at+len(" pps="):])
		}
		name, opt.Feed.PointsPerSecond = strings.TrimSpace(arguments[:at]), pps
	}
	if l := lexemes(name); len(l) == 1 && l[0].quote != 0 {
		name = l[0].text
	}
	if name == "" || s.opt.OpenFile == nil {
		return errors.New("want import and the name of a file")
	}
	file, err := s.opt.OpenFile(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return s.Import(ctx, file, opt)
}

// Import reads in an export and says what came of it; ErrFailed stands for refusals that were told already.
func (s *Session) Import(ctx context.Context, r io.Reader, opt ImportOptions) error {
	var report ImportReport
	err := s.interruptible(ctx, func(ctx context.Context) (err error) {
		report, err = Import(ctx, s.server(), r, opt)
		return err
	})
	s.schema.Forget()
	s.say("%s", report)
	if err == nil && report.Failed() {
		err = ErrFailed
	}
	return err
}

// connect speaks to another server, as the same user.
func (s *Session) connect(ctx context.Context, arguments string) error {
	address, err := ParseAddress(arguments)
	if err != nil {
		return err
	}
	target := s.opt.Target
	target.URL = address
	client, err := NewClient(target)
	if err != nil {
		return err
	}
	err = s.interruptible(ctx, func(ctx context.Context) error {
		server, err := client.Ping(ctx)
		if err == nil && s.opt.Interactive {
			s.say("Connected to %s version %s", client.URL(), orUnknown(server.Version))
		}
		return err
	})
	if err != nil {
		client.Close()
		return err
	}
	s.replace(client, target)
	return nil
}

// auth speaks as another user.
func (s *Session) auth(_ context.Context, arguments string) error {
	user, password, given := strings.Cut(arguments, " ")
	var err error
	if user == "" {
		if user, err = s.opt.In.ReadLine("username: "); err != nil {
			return err
		}
	}
	if !given {
		if password, err = s.opt.In.ReadPassword("password: "); err != nil {
			return err
		}
	}
	target := s.opt.Target
	target.Username, target.Password, target.Token = strings.TrimSpace(user), strings.TrimSpace(password), ""
	client, err := NewClient(target)
	if err != nil {
		return err
	}
	s.replace(client, target)
	return nil
}

// replace makes another client that of the session.
func (s *Session) replace(client *Client, target Target) {
	s.mu.Lock()
	old := s.client
	s.client, s.opt.Target = client, target
	s.mu.Unlock()
	old.Close()
	s.schema.Forget()
}
