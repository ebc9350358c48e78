#include "app/config/config_keys.hpp"

namespace weir {
namespace {

using namespace std::chrono_literals;

constexpr uint64_t kib = uint64_t{1} << 10;
constexpr uint64_t mib = uint64_t{1} << 20;
constexpr uint64_t gib = uint64_t{1} << 30;
constexpr double rate_max = 1e9;
constexpr uint64_t batch_bytes_most = 16 * mib; ///< what the journal takes at once

void visit_head_and_body(key_visitor& v, ingest_section& c) {
  v.bytes({"head_bytes_max", "A longer request head is answered 431."}, c.head_bytes_max,
          {1 * kib, 256 * kib});
  v.count({"head_fields_max", "More header fields are answered 431."}, c.head_fields_max,
          {8, 1024});
  v.duration({"head_timeout", "From the first byte of a head to its last."},
             c.head_timeout, {100ms, 10min});
  v.duration(
    {"idle_timeout", "A kept-alive connection without a request is closed after this."},
    c.idle_timeout, {100ms, 24h});
  v.bytes({"body_bytes_max", "A longer body, inflated, is answered 413."},
          c.body_bytes_max, {1 * kib, 16 * 1024 * gib});
  v.bytes({"body_rate_min", "Per second; a slower body is answered 408. 0B: any."},
          c.body_rate_min, {0, 1 * gib});
  v.duration({"request_timeout", "From the last byte of a body to its answer."},
             c.request_timeout, {100ms, 1h});
  v.real(
    {"inflate_ratio_max",
     "A gzip or zstd body that grows by more than this factor is answered 413. 0: any; "
     "`body_bytes_max` bounds what comes out, and memory does not grow with it."},
    c.inflate_ratio_max, {0, 1'000'000});
  v.bytes({"zstd_window_max",
           "A zstd body that needs a larger window is refused: the decoder holds it, out "
           "of `budget_bytes`."},
          c.zstd_window_max, {1 * kib, 128 * mib});
}

void visit_batches(key_visitor& v, ingest_section& c) {
  v.bytes(
    {"batch_bytes",
     "Streamed bodies are cut into batches of about this size. With 18 bytes for each of "
     "`batch_records` it must fit in the 16 MiB that the journal takes at once."},
    c.batch_bytes, {4 * kib, batch_bytes_most});
  v.count({"batch_records", "And of at most this many records."}, c.batch_records,
          {1, 1'000'000});
  v.count(
    {"request_window",
     "Batches of one streamed request in flight; several at a time share it, but have "
     "4 each. `auto` is 16, or less, down to 4: a quarter of `batches_in_flight`, half "
     "of `budget_bytes`.",
     "auto"},
    c.request_window, {1, 1024});
  v.count({"coalesce_window",
           "Batches an I/O thread has in flight before it gathers small requests."},
          c.coalesce_window, {1, 1024});
  v.count({"coalesce_large_window",
           "And before it gathers larger ones, up to a quarter of `batch_bytes` each."},
          c.coalesce_large_window, {1, 1024});
  v.duration(
    {"coalesce_wait",
     "A batch of small requests that takes longer, as one with a record that hangs its "
     "worker does, no longer holds up what gathers behind it."},
    c.coalesce_wait, {10ms, 1min});
  v.bytes({"coalesce_bytes", "Size of a small request; at most `batch_bytes`."},
          c.coalesce_bytes, {1 * kib, batch_bytes_most});
  v.count({"batches_in_flight", "Batches between admission and the journal: the credit."},
          c.batches_in_flight, {1, 65'536});
  v.duration({"delay_max", "No more batches are let in than get their receipt within it "
                           "at the present throughput; 0: `batches_in_flight`."},
             c.delay_max, {0ms, 1min});
  v.bytes({"budget_bytes",
           "Memory for bodies and what is made of them. Derived: what `memory.ceiling` "
           "leaves.",
           "derived"},
          c.budget_bytes, {1 * mib, 1024 * gib});
}

void visit_clients(key_visitor& v, ingest_section& c) {
  v.real({"client_rate", "Records per second for each peer address; 0: no limit."},
         c.client_records_per_second, {0, rate_max});
  v.real({"client_burst", "Records a peer may send at once; 0: one second's worth."},
         c.client_burst_records, {0, rate_max});
  v.count(
    {"clients_max", "Peers whose rate is tracked; the longest silent is forgotten."},
    c.clients_max, {1, 10'000'000});
}

void visit_keys(key_visitor& v, std::vector<api_key_entry>& keys) {
  v.list(
    {"api_keys", "Who may write; none: everybody. Sent as `Authorization: Bearer …`."},
    keys.size(), [&](size_t index) {
      auto& key = index < keys.size() ? keys[index] : keys.emplace_back();
      v.text({"name", "Its name in logs; unique. Required."}, key.name, text_rule::label);
      v.text({"sha256", "SHA-256 of the secret, as `sha256sum` prints it. Required."},
             key.sha256, text_rule::sha256);
      v.texts({"streams", "Streams it may write to; none: all."}, key.streams,
              text_rule::label);
      v.real({"records_per_second", "Its rate limit; 0: none."}, key.records_per_second,
             {0, rate_max});
      v.real({"burst", "Records at once; 0: one second's worth."}, key.burst_records,
             {0, rate_max});
    });
}

} // namespace

void visit_ingest(key_visitor& v, ingest_section& c) {
  v.section({"ingest", "The listener for records, and admission behind it."}, [&] {
    v.address({"listen", "Address and port; port 0 takes a free one."}, c.listen);
    v.count({"threads", "I/O threads; `auto` is one for two cores.", "auto"}, c.threads,
            {1, 64});
    v.count({"connections_max", "More are refused at accept."}, c.connections_max,
            {1, 1'000'000});
    visit_head_and_body(v, c);
    visit_batches(v, c);
    visit_clients(v, c);
    v.section({"tls", "HTTPS instead of HTTP, when both are given."}, [&] {
      v.text({"certificate", "PEM file, chain included.", "none"}, c.tls.certificate,
             text_rule::read_path);
      v.text({"key", "PEM file of its private key.", "none"}, c.tls.key,
             text_rule::read_path);
    });
    visit_keys(v, c.api_keys);
    v.section({"shed", "Fill levels above which streams with `admission: shed` refuse."},
              [&] {
                v.real({"low", "Requests of low priority."}, c.shed.low, {0, 1});
                v.real({"normal", "Requests of normal priority; at least `low`."},
                       c.shed.normal, {0, 1});
              });
  });
}

void visit_streams(key_visitor& v, config& c) {
  std::vector<std::string> present;
  for (const auto& [name, stream] : c.streams)
    present.push_back(name);
  v.map(
    {"streams",
     "What may be sent to `/ingest/<name>`. Absent: one stream `default`, any JSON."},
    present, [&](const std::string& name) {
      auto& stream = c.streams.try_emplace(name, default_stream(name)).first->second;
      auto& s = stream.settings;
      v.text({"schema", "JSON Schema file its records must match.", "none"},
             stream.schema_file, text_rule::read_path);
      v.steps({"transform", "Steps each record goes through: docs/transform.md."},
              stream.steps);
      v.choice({"priority", "Of requests that name none."}, s.level,
               {"low", "normal", "high"});
      v.choice({"ack", "What a 2xx waits for, unless the request says: admission, "
                       "the journal, the sink."},
               s.ack, {"accepted", "durable", "stored"});
      v.choice({"admission", "When the pipeline is full: wait a little, refuse, or "
                             "refuse low priority early."},
               s.admission, {"wait", "reject", "shed"});
      v.duration({"admission_wait", "How long `wait` waits."}, s.admission_wait,
                 {0ms, 10s});
      v.choice({"dead_letters", "What becomes of rejected records."}, s.dead_letters,
               {"discard", "store"});
      v.bytes(
        {"record_bytes_max",
         "A longer record ends its request with 413; at most `ingest.batch_bytes`."},
        s.record_bytes_max, {64, batch_bytes_most});
      v.count({"json_depth_max", "Deeper records are rejected."}, s.json_depth_max,
              {1, 1024});
      v.text({"csv_delimiter",
              "Between the fields of CSV whose Content-Type names none: one character, "
              "or comma, semicolon, tab, pipe, colon, space."},
             stream.csv_delimiter, text_rule::any);
      // A text that is no delimiter is reported by check_config().
      if (const auto delimiter = csv_delimiter_of(stream.csv_delimiter))
        s.csv.delimiter = *delimiter;
      v.choice({"csv_header",
                "The first row of CSV names the columns, each once; or mends names that "
                "are empty or twice there, as column_<n>; or there is no such row, and "
                "they are column_1, column_2, …"},
               s.csv.names, {"required", "mended", "absent"});
      v.real({"records_per_second", "Rate limit of the whole stream; 0: none."},
             s.records_per_second, {0, rate_max});
      v.real({"burst", "Records at once; 0: one second's worth."}, s.burst_records,
             {0, rate_max});
    });
}

} // namespace weir
