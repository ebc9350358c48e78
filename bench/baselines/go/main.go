// The classic Go ingestion pipeline, the baseline of weir's benchmarks: net/http in front,
// bounded channels of 1,000 between pools of 10, 5 and 3 goroutines that validate, transform
// and persist one record each. It answers 202 when a record is in the first channel, 503 when
// that took longer than 100 ms, and it never syncs its file: plain, and as fast as this design
// gets with the standard library.
//
//	go run . -listen 127.0.0.1:9000 -output records.ndjson
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	queueLength    = 1000
	validators     = 10
	transformers   = 5
	persisters     = 3
	enqueueTimeout = 100 * time.Millisecond
	bodyBytesMax   = 16 << 20
	recordBytesMax = 1 << 20
)

type record struct {
	body  []byte
	event event
}

// event is what came: one web access.
type event struct {
	ID         uint64  `json:"id"`
	Time       string  `json:"ts"`
	Host       string  `json:"host"`
	Method     string  `json:"method"`
	Path       string  `json:"path"`
	Status     int     `json:"status"`
	Bytes      int64   `json:"bytes"`
	Agent      string  `json:"agent"`
	DurationMS float64 `json:"duration_ms"`
}

// stored is what is kept of it: agent renamed, the duration as text.
type stored struct {
	ID         uint64 `json:"id"`
	Time       string `json:"ts"`
	Host       string `json:"host"`
	Method     string `json:"method"`
	Path       string `json:"path"`
	Status     int    `json:"status"`
	Bytes      int64  `json:"bytes"`
	UserAgent  string `json:"user_agent"`
	DurationMS string `json:"duration_ms"`
}

// plausible checks less than weir's schema does: no patterns, no lengths.
func (e *event) plausible() bool {
	switch e.Method {
	case "GET", "POST", "PUT", "DELETE", "HEAD":
	default:
		return false
	}
	return e.Time != "" && e.Host != "" && strings.HasPrefix(e.Path, "/") &&
		e.Status >= 100 && e.Status <= 599 && e.Bytes >= 0 && e.DurationMS >= 0
}

type pipeline struct {
	received    chan record
	valid       chan record
	transformed chan record
	persisted   atomic.Uint64
	rejected    atomic.Uint64
}

func newPipeline() *pipeline {
	return &pipeline{
		received:    make(chan record, queueLength),
		valid:       make(chan record, queueLength),
		transformed: make(chan record, queueLength),
	}
}

// enqueue waits for room for at most enqueueTimeout. The timer is made only when the channel is
// full, as a careful Go programmer would.
func (p *pipeline) enqueue(r record) bool {
	select {
	case p.received <- r:
		return true
	default:
	}
	timer := time.NewTimer(enqueueTimeout)
	defer timer.Stop()
	select {
	case p.received <- r:
		return true
	case <-timer.C:
		return false
	}
}

func (p *pipeline) validate() {
	for r := range p.received {
		if json.Unmarshal(r.body, &r.event) != nil || !r.event.plausible() {
			p.rejected.Add(1)
			continue
		}
		p.valid <- r
	}
}

func (p *pipeline) transform() {
	for r := range p.valid {
		e := &r.event
		body, err := json.Marshal(stored{e.ID, e.Time, e.Host, e.Method, e.Path, e.Status, e.Bytes, e.Agent,
			strconv.FormatFloat(e.DurationMS, 'g', -1, 64)})
		if err != nil {
			p.rejected.Add(1)
			continue
		}
		p.transformed <- record{body: body}
	}
}

func (p *pipeline) persist(out *bufio.Writer, lock *sync.Mutex) {
	for r := range p.transformed {
		lock.Lock()
		out.Write(r.body)
		out.WriteByte('\n')
		lock.Unlock()
		p.persisted.Add(1)
	}
}

// single takes one JSON record a request.
func (p *pipeline) single(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, bodyBytesMax))
	if err != nil {
		http.Error(w, "cannot read the body", http.StatusBadRequest)
		return
	}
	if !p.enqueue(record{body: body}) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	io.WriteString(w, `{"accepted":1}`)
}

// batch takes NDJSON, a record a line.
func (p *pipeline) batch(w http.ResponseWriter, req *http.Request) {
	lines := bufio.NewScanner(http.MaxBytesReader(w, req.Body, bodyBytesMax))
	lines.Buffer(make([]byte, 64<<10), recordBytesMax)
	accepted := 0
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) == 0 {
			continue
		}
		if !p.enqueue(record{body: append([]byte(nil), line...)}) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		accepted++
	}
	if lines.Err() != nil {
		http.Error(w, "cannot read the body", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	json.NewEncoder(w).Encode(map[string]int{"accepted": accepted})
}

func (p *pipeline) stats(w http.ResponseWriter, _ *http.Request) {
	json.NewEncoder(w).Encode(map[string]uint64{"stored": p.persisted.Load(), "rejected": p.rejected.Load()})
}

func main() {
	listen := flag.String("listen", "127.0.0.1:9000", "address")
	output := flag.String("output", "records.ndjson", "file the records are appended to")
	flag.Parse()
	file, err := os.OpenFile(*output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		log.Fatal(err)
	}
	out := bufio.NewWriterSize(file, 256<<10)
	var lock sync.Mutex
	p := newPipeline()
	for i := 0; i < validators; i++ {
		go p.validate()
	}
	for i := 0; i < transformers; i++ {
		go p.transform()
	}
	for i := 0; i < persisters; i++ {
		go p.persist(out, &lock)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/ingest", p.single)
	mux.HandleFunc("/ingest/batch", p.batch)
	mux.HandleFunc("/stats", p.stats)
	go func() {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
		<-stop
		lock.Lock()
		out.Flush()
		os.Exit(0)
	}()
	log.Fatal(http.ListenAndServe(*listen, mux))
}
