package vfs

// faultFile is an open file of a Fault.
type faultFile struct {
	fault *Fault
	name  string
	file  File
}

func (f *faultFile) Read(b []byte) (int, error) {
	return f.read(b, f.file.Read)
}

func (f *faultFile) ReadAt(b []byte, off int64) (int, error) {
	return f.read(b, func(b []byte) (int, error) { return f.file.ReadAt(b, off) })
}

func (f *faultFile) read(b []byte, read func([]byte) (int, error)) (int, error) {
	r := f.fault.check(OpRead, f.name)
	if r != nil && !r.FlipBit {
		return 0, pathError(OpRead, f.name, r.Err)
	}
	n, err := read(b)
	if r != nil {
		r.flip(b[:n])
	}
	return n, err
}

func (f *faultFile) Write(b []byte) (int, error) {
	return f.write(b, f.file.Write)
}

func (f *faultFile) WriteAt(b []byte, off int64) (int, error) {
	return f.write(b, func(b []byte) (int, error) { return f.file.WriteAt(b, off) })
}

func (f *faultFile) write(b []byte, write func([]byte) (int, error)) (int, error) {
	r := f.fault.check(OpWrite, f.name)
	if r == nil {
		return write(b)
	}
	failed := pathError(OpWrite, f.name, r.Err)
	short := min(r.Short, len(b))
	if short <= 0 {
		return 0, failed
	}
	n, err := write(b[:short])
	if err != nil {
		return n, err
	}
	return n, failed
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.fault.fail(OpTruncate, f.name); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func (f *faultFile) Sync() error {
	if err := f.fault.fail(OpSync, f.name); err != nil {
		f.dropUnsynced()
		return err
	}
	return f.file.Sync()
}

func (f *faultFile) SyncData() error {
	if err := f.fault.fail(OpSyncData, f.name); err != nil {
		f.dropUnsynced()
		return err
	}
	return f.file.SyncData()
}

func (f *faultFile) dropUnsynced() {
	if file, ok := f.file.(interface{ loseUnsynced() }); ok {
		file.loseUnsynced()
	}
}

func (f *faultFile) Size() (int64, error) {
	if err := f.fault.fail(OpSize, f.name); err != nil {
		return 0, err
	}
	return f.file.Size()
}

// Close closes the file even when a rule makes the call fail.
func (f *faultFile) Close() error {
	failed := f.fault.fail(OpClose, f.name)
	if err := f.file.Close(); err != nil {
		return err
	}
	return failed
}
