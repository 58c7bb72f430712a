package main

import (
	"os"
	"runtime/pprof"
	"time"
)

func init() {
	if name := os.Getenv("ZZ_PROF"); name != "" {
		f, _ := os.Create(name)
		pprof.StartCPUProfile(f)
		d, _ := time.ParseDuration(os.Getenv("ZZ_SECS"))
		go func() { time.Sleep(d); pprof.StopCPUProfile(); f.Close() }()
	}
}
