// Stands in for Jaeger on mlp's sandbox, where Jaeger itself would take too long to build: it takes traces by OTLP over
// HTTP, keeps the newest in memory, and answers for one by its id as Jaeger's API does, with a warning that it is not
// Jaeger. Ports and health are those of templates/monitoring/telemetry/traces.yaml; its configuration is not read.
package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

const (
	kept     = 2000
	maxBytes = 16 << 20
	warning  = "simulated: this store is the sandbox's stand-in for Jaeger, and keeps traces in memory"
)

type span struct {
	TraceID       string      `json:"traceID"`
	SpanID        string      `json:"spanID"`
	OperationName string      `json:"operationName"`
	StartTime     int64       `json:"startTime"`
	Duration      int64       `json:"duration"`
	ProcessID     string      `json:"processID"`
	References    []reference `json:"references"`
}

type reference struct {
	RefType string `json:"refType"`
	TraceID string `json:"traceID"`
	SpanID  string `json:"spanID"`
}

type process struct {
	ServiceName string `json:"serviceName"`
}

type trace struct {
	TraceID   string             `json:"traceID"`
	Spans     []span             `json:"spans"`
	Processes map[string]process `json:"processes"`
	Warnings  []string           `json:"warnings"`
}

type store struct {
	lock   sync.Mutex
	traces map[string]*trace
	order  []string
	spans  atomic.Int64
}

func (s *store) add(id string, one span, service string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	found := s.traces[id]
	if found == nil {
		found = &trace{TraceID: id, Processes: map[string]process{}, Warnings: []string{warning}}
		s.traces[id] = found
		s.order = append(s.order, id)
		if len(s.order) > kept {
			delete(s.traces, s.order[0])
			s.order = s.order[1:]
		}
	}
	found.Processes[service] = process{ServiceName: service}
	found.Spans = append(found.Spans, one)
	s.spans.Add(1)
}

func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limited := http.MaxBytesReader(w, r.Body, maxBytes)
	if r.Header.Get("content-encoding") != "gzip" {
		return io.ReadAll(limited)
	}
	unpacked, err := gzip.NewReader(limited)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(unpacked, maxBytes))
}

func (s *store) take(w http.ResponseWriter, r *http.Request) {
	body, err := read(w, r)
	request := ptraceotlp.NewExportRequest()
	if err == nil {
		err = request.UnmarshalProto(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, resource := range request.Traces().ResourceSpans().All() {
		service := "unknown"
		if name, ok := resource.Resource().Attributes().Get("service.name"); ok {
			service = name.AsString()
		}
		for _, scope := range resource.ScopeSpans().All() {
			for _, each := range scope.Spans().All() {
				id := each.TraceID().String()
				one := span{TraceID: id, SpanID: each.SpanID().String(), OperationName: each.Name(), ProcessID: service, References: []reference{}}
				one.StartTime = int64(each.StartTimestamp() / 1000)
				one.Duration = int64((each.EndTimestamp() - each.StartTimestamp()) / 1000)
				if each.ParentSpanID() != (pcommon.SpanID{}) {
					one.References = append(one.References, reference{"CHILD_OF", id, each.ParentSpanID().String()})
				}
				s.add(id, one, service)
			}
		}
	}
	w.Header().Set("content-type", "application/x-protobuf")
}

func (s *store) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("content-type", "application/json")
	s.lock.Lock()
	defer s.lock.Unlock()
	found := s.traces[strings.ToLower(r.PathValue("id"))]
	if found == nil {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintln(w, `{"data":null,"errors":[{"code":404,"msg":"trace not found"}]}`)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": []*trace{found}, "total": 0, "errors": nil})
}

func main() {
	s := &store{traces: map[string]*trace{}}
	otlp, query, health, metrics := http.NewServeMux(), http.NewServeMux(), http.NewServeMux(), http.NewServeMux()
	otlp.HandleFunc("POST /v1/traces", s.take)
	query.HandleFunc("GET /api/traces/{id}", s.answer)
	health.HandleFunc("GET /status", func(http.ResponseWriter, *http.Request) {})
	metrics.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "otelcol_receiver_accepted_spans %d\n", s.spans.Load())
	})
	for address, handler := range map[string]http.Handler{":4318": otlp, ":16686": query, ":8888": metrics} {
		go func() { log.Fatal(http.ListenAndServe(address, handler)) }()
	}
	log.Fatal(http.ListenAndServe(":13133", health))
}
