package catalog

import (
	"net"
	"net/url"
	"slices"
)

// Subscription says where the points that are written to a policy are sent, too.
type Subscription struct {
	Name         string
	Mode         string   // "ALL": to every destination; "ANY": to one of them, in turn
	Destinations []string // URLs with the scheme udp, http or https
}

// CreateSubscription adds a subscription to a policy.
func (c *Catalog) CreateSubscription(database, policy string, sub Subscription) error {
	for _, d := range sub.Destinations {
		if !validDestination(d) {
			return &InvalidDestinationError{URL: d}
		}
	}
	return c.changeSubscriptions(database, policy, func(p *Policy) error {
		if slices.ContainsFunc(p.Subscriptions, func(s Subscription) bool { return s.Name == sub.Name }) {
			return ErrSubscriptionExists
		}
		p.Subscriptions = append(p.Subscriptions, sub)
		return nil
	})
}

// DropSubscription removes a subscription from a policy.
func (c *Catalog) DropSubscription(database, policy, name string) error {
	return c.changeSubscriptions(database, policy, func(p *Policy) error {
		i := slices.IndexFunc(p.Subscriptions, func(s Subscription) bool { return s.Name == name })
		if i < 0 {
			return ErrSubscriptionNotFound
		}
		p.Subscriptions = slices.Delete(p.Subscriptions, i, i+1)
		return nil
	})
}

func (c *Catalog) changeSubscriptions(database, policy string, edit func(*Policy) error) error {
	return c.change(func(s *Snapshot) error {
		d := s.edit(database)
		if d == nil {
			return &DatabaseNotFoundError{Name: database}
		}
		var p *Policy
		if policy != "" {
			p = d.editPolicy(policy)
		}
		if p == nil {
			return &PolicyNotFoundError{Name: policy}
		}
		return edit(p)
	})
}

// validDestination reports whether points can be sent to a URL: its scheme must be one of three, and it must name a
// port.
func validDestination(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "udp" && u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	_, port, err := net.SplitHostPort(u.Host)
	return err == nil && port != ""
}
