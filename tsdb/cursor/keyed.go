package cursor

// KeyedView is a View that can tell of one tag key whether it is there, at less cost than listing all.
type KeyedView interface {
	View

	// HasTagKey reports whether some series of the measurement has the tag key: whether TagKeys without a filter lists
	// it.
	HasTagKey(measurement, key string) (bool, error)
}
